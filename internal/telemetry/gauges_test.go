package telemetry_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/telemetry"
)

func TestTheStateOfTheTrailIsShown(t *testing.T) {
	m, err := telemetry.NewMetrics(telemetry.MetricsOptions{Version: "v"})
	if err != nil {
		t.Fatal(err)
	}
	var ill error
	if err := m.WatchAudit(telemetry.AuditState{Healthy: func() error { return ill }, Backlog: func() int { return 3 }}); err != nil {
		t.Fatal(err)
	}
	admin := telemetry.NewAdmin(telemetry.AdminOptions{Metrics: m})
	for healthy, state := range map[string]error{"1": nil, "0": errors.New("full")} {
		ill = state
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		for _, want := range []string{"storekeeper_audit_healthy " + healthy, "storekeeper_audit_backlog 3"} {
			if !strings.Contains(w.Body.String(), "\n"+want+"\n") {
				t.Errorf("%s is not shown", want)
			}
		}
	}
}
