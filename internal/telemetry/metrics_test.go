package telemetry_test

import (
	"fmt"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"platform.internal/storekeeper/internal/telemetry"
)

const method = "/secretsstore.v1.SecretsStoreService/GetSecret"

func TestNamesPassThePrometheusLinter(t *testing.T) {
	families, err := used(t).Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestEveryMetricIsThere(t *testing.T) {
	families, err := used(t).Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
	}
	for _, want := range []string{
		"storekeeper_rpc_duration_seconds", "storekeeper_rpc_in_flight", "storekeeper_upstream_duration_seconds",
		"storekeeper_upstream_errors_total", "storekeeper_panics_total", "storekeeper_build_info",
		"go_goroutines", "process_open_fds",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing in %v", want, names)
		}
	}
}

func TestCountsAreRight(t *testing.T) {
	m := newMetrics(t)
	end := m.BeginRPC(method)
	m.BeginRPC(method)()
	m.CountPanic()
	m.CountUpstreamError("secret.get", "timeout")
	m.CountUpstreamError("secret.get", "timeout")
	m.ObserveRPC(telemetry.RPC{Method: method, Protocol: "rest", Code: "OK"}, 1500*time.Millisecond)
	m.ObserveUpstream("secret.get", 429, 40*time.Millisecond, "")
	rpc := `{code="OK",method="` + method + `",protocol="rest"`
	for _, line := range []string{
		`storekeeper_panics_total 1`,
		`storekeeper_rpc_in_flight{method="` + method + `"} 1`,
		`storekeeper_upstream_errors_total{operation="secret.get",reason="timeout"} 2`,
		`storekeeper_rpc_duration_seconds_bucket` + rpc + `,le="1"} 0`,
		`storekeeper_rpc_duration_seconds_bucket` + rpc + `,le="2.5"} 1`,
		`storekeeper_rpc_duration_seconds_sum` + rpc + `} 1.5`,
		`storekeeper_upstream_duration_seconds_sum{operation="secret.get",status_class="4xx"} 0.04`,
		`storekeeper_build_info{goversion="` + runtime.Version() + `",version="v1.2.3"} 1`,
	} {
		expect(t, m, line)
	}
	end()
	expect(t, m, `storekeeper_rpc_in_flight{method="`+method+`"} 0`)
}

func TestCallersCannotChooseLabels(t *testing.T) {
	m := newMetrics(t)
	for i := range 500 {
		text := fmt.Sprintf("made-up-%d", i)
		m.BeginRPC(text)()
		m.ObserveRPC(telemetry.RPC{Method: text, Protocol: text, Code: text}, time.Second)
		m.ObserveUpstream(text, 1000+i, time.Second, "")
		m.CountUpstreamError(text, text)
	}
	for _, bad := range []string{"", "a b", "a\nb", "\xff", strings.Repeat("x", 1000)} {
		m.ObserveRPC(telemetry.RPC{Code: bad}, 0)
	}
	text := scrape(t, m)
	for series, most := range map[string]int{
		"storekeeper_rpc_in_flight{":                   1,
		"storekeeper_rpc_duration_seconds_count{":      65,
		"storekeeper_upstream_duration_seconds_count{": 1,
		"storekeeper_upstream_errors_total{":           65,
	} {
		if got := strings.Count(text, "\n"+series); got != most {
			t.Errorf("%s has %d series, want %d", series, got, most)
		}
	}
}

func TestStatusesAreCountedByClass(t *testing.T) {
	for status, want := range map[int]string{0: "none", 99: "other", 100: "1xx", 200: "2xx", 302: "3xx", 429: "4xx", 599: "5xx", 600: "other", -1: "other"} {
		m := newMetrics(t)
		m.ObserveUpstream("secret.get", status, time.Second, "")
		expect(t, m, `storekeeper_upstream_duration_seconds_count{operation="secret.get",status_class="`+want+`"} 1`)
	}
}

func TestMetricsAreSafeForManyAtOnce(t *testing.T) {
	m := newMetrics(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			end := m.BeginRPC(method)
			m.ObserveRPC(telemetry.RPC{Method: method, Protocol: "grpc", Code: fmt.Sprint("c", i%4)}, time.Second)
			end()
			if _, err := m.Gatherer().Gather(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestTwoMetricsDoNotMeet(t *testing.T) {
	first, second := newMetrics(t), newMetrics(t)
	first.CountPanic()
	expect(t, second, "storekeeper_panics_total 0")
}

func TestVersionMustBeText(t *testing.T) {
	if _, err := telemetry.NewMetrics(telemetry.MetricsOptions{Version: "\xff"}); err == nil {
		t.Error("a version that is not UTF-8 was taken")
	}
}

func newMetrics(t *testing.T) *telemetry.Metrics {
	t.Helper()
	m, err := telemetry.NewMetrics(telemetry.MetricsOptions{
		Version: "v1.2.3", Methods: []string{method}, Operations: []string{"secret.get"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// used is metrics in which each metric has a value.
func used(t *testing.T) *telemetry.Metrics {
	t.Helper()
	m := newMetrics(t)
	m.BeginRPC(method)()
	m.ObserveRPC(telemetry.RPC{Method: method, Protocol: "rest", Code: "OK"}, 20*time.Millisecond)
	m.ObserveUpstream("secret.get", 200, 20*time.Millisecond, "")
	m.CountUpstreamError("secret.get", "timeout")
	return m
}

// expect searches the metrics for a complete line.
func expect(t *testing.T, m *telemetry.Metrics, line string) {
	t.Helper()
	if text := scrape(t, m); !strings.Contains(text, "\n"+line+"\n") {
		t.Errorf("%s is missing in\n%s", line, text)
	}
}

// scrape reads the metrics as a Prometheus server does.
func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	server := httptest.NewServer(telemetry.NewAdmin(telemetry.AdminOptions{Metrics: m}))
	defer server.Close()
	_, body := ask(t, "GET", server.URL+"/metrics")
	return body
}
