package telemetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/telemetry"
)

func TestIssuersAndCertificatesAreShown(t *testing.T) {
	m, err := telemetry.NewMetrics(telemetry.MetricsOptions{Version: "v"})
	if err != nil {
		t.Fatal(err)
	}
	read := time.Unix(1_700_000_000, 0)
	issuers := func() []telemetry.IssuerState {
		return []telemetry.IssuerState{
			{Name: "cluster", Keys: 2, Up: true, Fetched: true, Read: read, Ends: read.Add(24 * time.Hour), Ahead: -3 * time.Second, ClockKnown: true},
			{Name: "down", Fetched: true}, {Name: "file", Keys: 1, Up: true},
		}
	}
	certificates := func() []telemetry.CertificateState {
		return []telemetry.CertificateState{{Name: "listener", Begins: read, Ends: read.Add(time.Hour)}}
	}
	if err := m.WatchIssuers(issuers, certificates); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	telemetry.NewAdmin(telemetry.AdminOptions{Metrics: m}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`storekeeper_issuer_up{issuer="cluster"} 1`, `storekeeper_issuer_up{issuer="down"} 0`, `storekeeper_issuer_keys{issuer="cluster"} 2`,
		`storekeeper_issuer_keys_read_timestamp_seconds{issuer="cluster"} 1.7e+09`, `storekeeper_issuer_keys_read_timestamp_seconds{issuer="down"} 0`,
		`storekeeper_issuer_keys_end_timestamp_seconds{issuer="cluster"} 1.7000864e+09`, `storekeeper_issuer_clock_ahead_seconds{issuer="cluster"} -3`,
		`storekeeper_certificate_begin_timestamp_seconds{certificate="listener"} 1.7e+09`, `storekeeper_certificate_end_timestamp_seconds{certificate="listener"} 1.7000036e+09`,
	} {
		if !strings.Contains(w.Body.String(), "\n"+want+"\n") {
			t.Errorf("%s is not shown", want)
		}
	}
	for _, absent := range []string{`keys_read_timestamp_seconds{issuer="file"}`, `clock_ahead_seconds{issuer="down"}`} {
		if strings.Contains(w.Body.String(), absent) {
			t.Errorf("%s is shown", absent)
		}
	}
}

func TestAnAdvisoryCheckThatFailsLeavesTheServiceReady(t *testing.T) {
	m, err := telemetry.NewMetrics(telemetry.MetricsOptions{Version: "v"})
	if err != nil {
		t.Fatal(err)
	}
	fails := func(context.Context) error { return errors.New("answered with status 403") }
	for advisory, status := range map[bool]int{true: 200, false: 503} {
		admin := telemetry.NewAdmin(telemetry.AdminOptions{Metrics: m, Checks: []telemetry.Check{{Name: "issuer ci", Advisory: advisory, Run: fails}}})
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
		var answer struct {
			Checks []struct {
				OK, Advisory bool
				Error        string
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		if c := answer.Checks[0]; w.Code != status || c.OK || c.Advisory != advisory || c.Error != "answered with status 403" {
			t.Errorf("advisory %v: %d %s", advisory, w.Code, w.Body)
		}
	}
}
