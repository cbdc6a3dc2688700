package telemetry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/telemetry"
)

const sampledTrace = "0af7651916cd43dd8448eb211c80319c"

func TestDenialsReadsBatchesAndPermitsAreCounted(t *testing.T) {
	m := newMetrics(t)
	m.CountDenial(fault.ReasonNotAllowed)
	m.CountRead(true, false)
	m.CountRead(true, true)
	m.CountRead(false, false)
	m.ObserveBatch(1)
	m.ObserveBatch(7)
	m.ObservePermit(telemetry.Permit{Credential: "main", Tenant: "a", Wait: time.Second})
	m.ObservePermit(telemetry.Permit{Credential: "main", Err: fault.New(fault.Throttled, fault.ReasonBudgetSpent, "")})
	m.ObservePermit(telemetry.Permit{Credential: "main", Tenant: "a", Err: context.Canceled})
	mustShow(t, m,
		`storekeeper_denials_total{reason="NOT_ALLOWED"} 1`,
		`storekeeper_denials_total{reason="CREDENTIAL_MISSING"} 0`,
		`storekeeper_cache_reads_total{result="hit"} 1`,
		`storekeeper_cache_reads_total{result="stale"} 1`,
		`storekeeper_cache_reads_total{result="miss"} 1`,
		`storekeeper_batch_calls_sum 8`,
		`storekeeper_batch_calls_count 2`,
		`storekeeper_budget_permits_total{result="granted",tenant="a"} 1`,
		`storekeeper_budget_permits_total{result="refused",tenant="a"} 0`,
		`storekeeper_budget_permits_total{result="given_up",tenant="a"} 1`,
		`storekeeper_budget_permits_total{result="refused",tenant="storekeeper"} 1`,
		`storekeeper_budget_wait_duration_seconds_sum{credential="main",result="granted"} 1`,
		`storekeeper_budget_wait_duration_seconds_count{credential="main",result="refused"} 1`,
		`storekeeper_budget_wait_duration_seconds_count{credential="main",result="given_up"} 1`,
	)
}

func TestTenantsCannotAddSeriesOfPermitsForever(t *testing.T) {
	m := newMetrics(t)
	for i := range 1000 {
		m.ObservePermit(telemetry.Permit{Credential: "main", Tenant: "t" + strings.Repeat("x", i%300) + "-" + strings.Repeat("y", i/300)})
	}
	if n := strings.Count(scrape(t, m), "\nstorekeeper_budget_permits_total{"); n > 2*201 {
		t.Errorf("there are %d series", n)
	}
}

func TestOwnPartOfACallLeavesOutWhatItWaitedFor(t *testing.T) {
	call := newCall("r1")
	call.AddUpstream(100*time.Millisecond, "")
	call.AddWait(50 * time.Millisecond)
	f := call.Facts()
	if own := f.Own(160 * time.Millisecond); own != 10*time.Millisecond {
		t.Errorf("got %s, want 10ms", own)
	}
	// The requests of a call can overlap.
	if own := f.Own(120 * time.Millisecond); own != 0 {
		t.Errorf("got %s, want 0", own)
	}
}

func TestAWaitCountsOnceWhatTheCallItselfNotes(t *testing.T) {
	call := newCall("r1")
	end := call.BeginWait()
	call.AddUpstream(time.Hour, "")
	end()
	if f := call.Facts(); f.Waited != 0 {
		t.Errorf("an hour at Cloudflare counts as %s of waiting too", f.Waited)
	}
	end = call.BeginWait()
	began := time.Now()
	for time.Since(began) < time.Millisecond {
		_ = began // a wait that nothing else notes
	}
	end()
	if f := call.Facts(); f.Waited < time.Millisecond {
		t.Errorf("a wait of a millisecond counts as %s", f.Waited)
	}
}

func TestExemplarsNameTheTraceOfASampledCallAlone(t *testing.T) {
	m := newMetrics(t)
	m.ObserveRPC(telemetry.RPC{Method: method, Protocol: "grpc", Code: "OK", Own: time.Millisecond, Exemplar: sampledTrace}, time.Second)
	m.ObserveUpstream("secret.get", 200, time.Second, sampledTrace)
	m.ObserveCommit(time.Millisecond, nil, sampledTrace)
	m.ObservePermit(telemetry.Permit{Credential: "main", Exemplar: sampledTrace})
	page := openMetrics(t, m)
	for _, name := range []string{
		"storekeeper_rpc_duration_seconds_bucket", "storekeeper_rpc_own_duration_seconds_bucket", "storekeeper_upstream_duration_seconds_bucket",
		"storekeeper_store_commit_duration_seconds_bucket", "storekeeper_budget_wait_duration_seconds_bucket",
	} {
		if !shows(page, name, `# {trace_id="`+sampledTrace+`"}`) {
			t.Errorf("%s has no exemplar", name)
		}
	}
	m = newMetrics(t)
	m.ObserveRPC(telemetry.RPC{Method: method, Protocol: "grpc", Code: "OK"}, time.Second)
	if page := openMetrics(t, m); strings.Contains(page, "trace_id") {
		t.Error("a call without a recorded trace has an exemplar")
	}
}

func TestOnlySampledCallsHaveAnExemplar(t *testing.T) {
	call := newCall("r1")
	if call.SetTrace(sampledTrace, false); call.Exemplar() != "" {
		t.Error("a trace that nobody recorded is an exemplar")
	}
	if call.SetTrace(sampledTrace, true); call.Exemplar() != sampledTrace {
		t.Error("a recorded trace is no exemplar")
	}
}

// openMetrics reads the metrics in the format that has exemplars.
func openMetrics(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	telemetry.NewAdmin(telemetry.AdminOptions{Metrics: m}).ServeHTTP(w, r)
	return w.Body.String()
}

// shows reports whether a line of the page begins with begin and contains hold.
func shows(page, begin, hold string) bool {
	for line := range strings.SplitSeq(page, "\n") {
		if strings.HasPrefix(line, begin) && strings.Contains(line, hold) {
			return true
		}
	}
	return false
}

func TestReadinessIsShownWithEachCheck(t *testing.T) {
	var ill error
	admin, base := serve(t, telemetry.AdminOptions{Checks: []telemetry.Check{
		{Name: "state", Run: func(context.Context) error { return ill }},
		{Name: "issuer ci", Advisory: true, Run: func(context.Context) error { return errors.New("down") }},
	}})
	expect := func(lines ...string) {
		t.Helper()
		_, page := ask(t, "GET", base+"/metrics")
		for _, line := range lines {
			if !strings.Contains(page, "\n"+line+"\n") {
				t.Errorf("%s is not shown", line)
			}
		}
	}
	expect("storekeeper_ready 1", `storekeeper_ready_check{advisory="false",check="state"} 1`, `storekeeper_ready_check{advisory="true",check="issuer ci"} 0`)
	ill = errors.New("full")
	expect("storekeeper_ready 0", `storekeeper_ready_check{advisory="false",check="state"} 0`)
	ill = nil
	admin.Drain()
	expect("storekeeper_ready 0", `storekeeper_ready_check{advisory="false",check="state"} 1`)
}

func TestTheStoreIsShown(t *testing.T) {
	m := newMetrics(t)
	var ill error
	id := ""
	if err := m.WatchStore(telemetry.StoreState{
		Healthy: func() error { return ill }, Damaged: func() uint64 { return 2 }, Epoch: func() (string, uint64) { return id, 41 },
	}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(scrape(t, m), "\nstorekeeper_store_epoch") {
		t.Error("a store that is not known yet has an epoch")
	}
	id = "ab12"
	m.ObserveCommit(time.Millisecond, nil, "")
	m.ObserveCommit(time.Millisecond, errors.New("full"), "")
	m.ObserveSync(2*time.Millisecond, nil)
	mustShow(t, m, "storekeeper_store_healthy 1", "storekeeper_store_damaged_records_total 2", `storekeeper_store_epoch{store="ab12"} 41`,
		`storekeeper_store_commit_duration_seconds_count{result="ok"} 1`, `storekeeper_store_commit_duration_seconds_count{result="error"} 1`,
		`storekeeper_store_sync_duration_seconds_sum{result="ok"} 0.002`)
	ill = errors.New("full")
	mustShow(t, m, "storekeeper_store_healthy 0")
}

func TestQuotasAreShownWhileTheyCanBeRead(t *testing.T) {
	m := newMetrics(t)
	var failed error
	states := []telemetry.QuotaState{{Account: "main", Tenant: "team-a", Kind: "secrets", Used: 7, Limit: 10}}
	if err := m.WatchQuotas(func() ([]telemetry.QuotaState, error) { return states, failed }); err != nil {
		t.Fatal(err)
	}
	failed = errors.New("away")
	if strings.Contains(scrape(t, m), "\nstorekeeper_quota_") {
		t.Error("a quota is shown that could not be read")
	}
	failed = nil
	mustShow(t, m,
		`storekeeper_quota_used_objects{account="main",kind="secrets",tenant="team-a"} 7`,
		`storekeeper_quota_limit_objects{account="main",kind="secrets",tenant="team-a"} 10`,
	)
}
