package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
)

// sizes returns the bytes of the state and of the trail.
func (p *program) sizes() (state, trail int64) {
	p.t.Helper()
	trail = int64(len(p.trailText()))
	return p.stateSize(), trail
}

func TestATenantThatWroteEnoughIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	p := start(t, setup{callers: otherCaller("team-search"), sets: []string{"idempotency.tenant_bytes_per_hour=1MiB", manyCalls, anyPace}})
	w := p.given("store")
	secrets := "stores/" + w.store + "/secrets"
	comment := strings.Repeat("c", 15<<10)
	create := func(i int, headers ...string) reply {
		return p.do("POST", secrets, fmt.Sprintf(`[{"name":"N_%d","value":"v","scopes":["dex"],"comment":"%s"}]`, i, comment), append(headers, fmt.Sprint("Idempotency-Key: k", i))...)
	}
	n, refused := 0, reply{}
	for ; n < 200; n++ {
		if refused = create(n); refused.status != http.StatusOK {
			break
		}
	}
	if n < 20 || n > 70 {
		t.Errorf("%d changes of 15 KiB each were made", n)
	}
	after, _ := strconv.Atoi(refused.header.Get("Retry-After"))
	if refused.status != http.StatusTooManyRequests || len(refused.Errors) != 1 || !strings.HasPrefix(refused.errors()[0], "971 tenant_bytes_spent") || after < 1 || after > 3600 {
		t.Fatalf("%d %s, Retry-After %d", refused.status, refused.body, after)
	}
	state, trail := p.sizes()
	sent := p.sent()
	for i := range 50 {
		if got := create(1000 + i); got.status != http.StatusTooManyRequests {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	// The server sometimes writes its usage checkpoint, which is smaller than
	// one of these requests.
	if s, l := p.sizes(); s-state >= int64(len(comment)) || l != trail || p.sent() != sent {
		t.Errorf("refusals wrote %d bytes of state and %d of trail, and sent %d", s-state, l-trail, p.sent()-sent)
	}
	// Over gRPC too.
	got := p.call(context.Background(), "CreateSecrets", `{"account_id":"`+accountID+`","store_id":"`+w.store+`","secrets":[{"name":"G","value":"v","scopes":["dex"],"comment":"`+comment+`"}]}`)
	if got.code != codes.ResourceExhausted || got.info.GetReason() != "TENANT_BYTES_SPENT" || got.retry.GetRetryDelay().AsDuration() <= 0 {
		t.Errorf("over gRPC: %v %v", got.err, got.retry)
	}
	// Replays and reads write nothing, and another tenant has a separate limit.
	if got := create(0); got.status != http.StatusOK || got.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("a replay: %d %s", got.status, got.body)
	}
	p.must("GET", secrets, "")
	if got := create(5000, "Authorization: Bearer "+otherKey); got.status != http.StatusOK {
		t.Errorf("another tenant: %d %s", got.status, got.body)
	}
	_, metrics := p.page("/metrics")
	for _, want := range []string{
		"storekeeper_tenant_durable_limit_bytes 1.048576e+06", `storekeeper_tenant_durable_refused_total{tenant="` + callerName + `"} 52`,
		`storekeeper_tenant_durable_bytes_total{tenant="team-search"}`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

func TestACallerWithoutRightsCannotFillTheTrail(t *testing.T) {
	t.Parallel()
	const calls = 300
	p := start(t, setup{
		callers: otherCaller("team-search"), sets: []string{"audit.denials_per_hour=10"},
		policy: "\nrules:\n  - {id: all, actions: [\"*\"], when: 'principal.name == \"" + callerName + "\"'}\n",
	})
	w := p.given("store")
	for range calls {
		if got := p.do("GET", "stores/"+w.store, "", "Authorization: Bearer "+otherKey); got.status != http.StatusForbidden {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	p.must("POST", "stores/"+w.store+"/secrets", newSecret)
	_, metrics := p.page("/metrics")
	if want := fmt.Sprint("storekeeper_audit_denials_suppressed_total ", calls-10); !strings.Contains(metrics, want) {
		t.Errorf("the metrics lack %s", want)
	}
	p.stop()
	denials, suppressed := 0, 0
	for _, r := range p.trail(t) {
		switch {
		case r.Caller != "team-search":
		case r.Reason == "DENIALS_SUPPRESSED":
			suppressed += r.Suppressed
		default:
			denials++
		}
	}
	if denials != 10 || suppressed != calls-10 {
		t.Errorf("%d denials are recorded, and %d said to be left out", denials, suppressed)
	}
	if n := strings.Count(p.out.String(), `"code":"PermissionDenied"`); n != calls {
		t.Errorf("the log has %d of %d denials", n, calls)
	}
}
