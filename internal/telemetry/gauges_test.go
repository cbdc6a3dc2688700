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

func TestWhatTheTrailLostOrLeftOutIsShown(t *testing.T) {
	m, err := telemetry.NewMetrics(telemetry.MetricsOptions{Version: "v"})
	if err != nil {
		t.Fatal(err)
	}
	known := true
	if err := m.WatchAudit(telemetry.AuditState{
		Healthy: func() error { return nil }, Backlog: func() int { return 0 }, Last: func() uint64 { return 9 }, Size: func() int64 { return 1234 }, Lost: func() int64 { return 2 },
		Suppressed: func() int64 { return 7 }, Free: func() (int64, bool) { return 4096, known },
	}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"storekeeper_audit_gaps_total 2", "storekeeper_audit_denials_suppressed_total 7", "storekeeper_audit_disk_free_bytes 4096",
		"storekeeper_audit_last_record 9", "storekeeper_audit_file_bytes 1234"} {
		expect(t, m, want)
	}
	known = false
	expect(t, m, "storekeeper_audit_disk_free_bytes -1")
}
