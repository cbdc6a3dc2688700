package telemetry_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/telemetry"
)

func TestTheStateOfWatchedFilesIsShown(t *testing.T) {
	m, err := telemetry.NewMetrics(telemetry.MetricsOptions{Version: "v"})
	if err != nil {
		t.Fatal(err)
	}
	err = m.WatchFiles(func() []telemetry.FileState {
		return []telemetry.FileState{{Kind: "policy", Failing: 1, Loads: 2, Failures: 3, Last: time.Unix(4, 500_000_000)}}
	})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	telemetry.NewAdmin(telemetry.AdminOptions{Metrics: m}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`storekeeper_files_failing{kind="policy"} 1`, `storekeeper_file_loads_total{kind="policy"} 2`,
		`storekeeper_file_load_failures_total{kind="policy"} 3`, `storekeeper_file_last_load_timestamp_seconds{kind="policy"} 4.5`,
	} {
		if !strings.Contains(w.Body.String(), "\n"+want+"\n") {
			t.Errorf("%s is not shown", want)
		}
	}
}
