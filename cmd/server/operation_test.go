package main

import (
	"context"
	"net/http"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"platform.internal/storekeeper/internal/emulator"
)

func TestTheAdminListenerTellsHowItIs(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	p.must("GET", "stores", "")
	p.call(context.Background(), "GetQuota", `{"account_id":"main"}`)
	p.do("GET", "stores/"+noSuchID, "")
	p.must("POST", "stores", `{"name":"x"}`, "Idempotency-Key: k")
	p.must("POST", "stores", `{"name":"x"}`, "Idempotency-Key: k")
	for path, want := range map[string]string{"/livez": `"live"`, "/readyz": `"ready"`, "/debug/pprof/": "goroutine"} {
		if code, body := p.page(path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	_, metrics := p.page("/metrics")
	for _, line := range []string{
		`storekeeper_rpc_duration_seconds_count{code="OK",method="/secretsstore.v1.SecretsStoreService/ListStores",protocol="rest"} 1`,
		`storekeeper_rpc_duration_seconds_count{code="OK",method="/secretsstore.v1.SecretsStoreService/GetQuota",protocol="grpc"} 1`,
		`storekeeper_rpc_duration_seconds_count{code="NotFound",method="/secretsstore.v1.SecretsStoreService/GetStore",protocol="rest"} 1`,
		`storekeeper_rpc_in_flight{method="/secretsstore.v1.SecretsStoreService/ListStores"} 0`,
		`storekeeper_upstream_duration_seconds_count{operation="GetStore",status_class="4xx"} 1`,
		`storekeeper_upstream_errors_total{operation="GetStore",reason="STORE_NOT_FOUND"} 1`,
		`storekeeper_panics_total 0`,
		`storekeeper_intents_open 0`,
		`storekeeper_changes_total{event="finished"} 1`,
		`storekeeper_changes_total{event="replayed"} 1`,
		`storekeeper_budget_limit_calls{credential="main"} 1200`,
		`storekeeper_budget_used_calls{credential="main"} 4`,
		`storekeeper_budget_tenant_used_calls{credential="main",tenant="team-payments"} 4`,
		`storekeeper_build_info{`,
	} {
		if !strings.Contains(metrics, "\n"+line) {
			t.Errorf("/metrics lacks %s", line)
		}
	}
}

func TestHealthNeedsNoCredential(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	health := healthv1.NewHealthClient(p.conn)
	for _, service := range []string{"", "secretsstore.v1.SecretsStoreService", "storekeeper.identity.v1.IdentityService", "storekeeper.v1.SelfService", "storekeeper.v1.SecretService", "storekeeper.v1.OperatorService"} {
		answer, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
		if err != nil || answer.GetStatus() != healthv1.HealthCheckResponse_SERVING {
			t.Errorf("%q: %v %v", service, answer, err)
		}
	}
	if _, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{Service: "nope"}); status.Code(err) != codes.NotFound {
		t.Errorf("a service that is not there: %v", err)
	}
	if calls := p.out.lines("call"); len(calls) != 1 || calls[0]["code"] != "NotFound" {
		t.Errorf("probes in the log: %v", calls)
	}
}

func TestReflectionNeedsACredential(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	if _, err := p.reflected(t.Context()); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without a credential: %v", err)
	}
	services, err := p.reflected(asCaller(t.Context()))
	for _, want := range []string{"secretsstore.v1.SecretsStoreService", "storekeeper.identity.v1.IdentityService", "storekeeper.v1.SelfService", "storekeeper.v1.SecretService", "grpc.health.v1.Health"} {
		if err != nil || !slices.Contains(services, want) {
			t.Errorf("%v lacks %s: %v", services, want, err)
		}
	}
}

// reflected lists the services as grpcurl does.
func (p *program) reflected(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := reflectionv1.NewServerReflectionClient(p.conn).ServerReflectionInfo(ctx)
	if err != nil {
		return nil, err
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		return nil, err
	}
	answer, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range answer.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	return names, nil
}

// getStore reads an object that no other call waits for.
func (p *program) getStore(ctx context.Context) ruling {
	p.t.Helper()
	return p.call(metadata.AppendToOutgoingContext(ctx, "cache-control", "no-cache"), "GetStore", `{"account_id":"main","store_id":"`+noSuchID+`"}`)
}

func TestADeadlineGoesOnToCloudflare(t *testing.T) {
	t.Parallel()
	g := newGate()
	p := start(t, setup{wrap: g.wrap})
	// The deadline doubles until the request reaches Cloudflare before it, which takes long on a busy machine.
	for d := 200 * time.Millisecond; len(g.arrived) == 0 && d < patience; d *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		if got := p.getStore(ctx); got.code != codes.DeadlineExceeded {
			t.Errorf("grpc: %v", got.err)
		}
		cancel()
	}
	p.wait("Cloudflare loses the request", g.gaveUp)
	p.await("the log has the call", func() bool { return p.out.line("call") != nil })
	if call := p.out.line("call"); call["code"] != "DeadlineExceeded" && call["code"] != "Canceled" {
		t.Errorf("the log says %v", call)
	}
}

func TestACallerWhoGoesAwayEndsTheCallToCloudflare(t *testing.T) {
	t.Parallel()
	g := newGate()
	p := start(t, setup{wrap: g.wrap})
	for _, call := range []func(context.Context){
		func(ctx context.Context) { p.getStore(ctx) },
		func(ctx context.Context) {
			_, _ = p.try(ctx, "GET", "stores/"+noSuchID, http.NoBody, "Cache-Control: no-cache")
		},
	} {
		leaveDuring(t, p, g, call)
		p.wait("Cloudflare loses the request", g.gaveUp)
	}
	p.await("both calls are in the log", func() bool { return len(p.out.lines("call")) == 2 })
	for _, call := range p.out.lines("call") {
		if call["code"] != "Canceled" || call["level"] != "info" {
			t.Errorf("the log says %v", call)
		}
	}
}

// leaveDuring makes a call and cancels it after the arrival of its request.
func leaveDuring(t *testing.T, p *program, g *gate, call func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); call(ctx) }()
	p.wait("the request arrives", g.arrived)
	cancel()
	p.wait("the caller returns", done)
}

// Other calls may wait for the same listing, and later calls are answered from the listing.
func TestAListingGoesOnWithoutItsCaller(t *testing.T) {
	t.Parallel()
	g := newGate()
	p := start(t, setup{wrap: g.wrap})
	leaveDuring(t, p, g, func(ctx context.Context) { _, _ = p.try(ctx, "GET", "stores", http.NoBody) })
	close(g.open)
	p.await("the listing is kept", func() bool {
		return p.must("GET", "stores", "").header.Get("Cache-Status") != ""
	})
	if n := len(p.cf.Requests()); n != 1 || len(g.gaveUp) != 0 {
		t.Errorf("Cloudflare was asked %d times, and left %d times", n, len(g.gaveUp))
	}
}

func TestRequestIDsAreKeptOrMade(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	for _, path := range []string{"/client/v4/user", "stores/" + noSuchID, "/nope", "/accounts/x"} {
		for sent, kept := range map[string]bool{"my-id_1.2": true, "": false, "with blank": false, strings.Repeat("x", 65): false, "a\"b": false} {
			got := p.do("GET", path, "", "X-Request-Id: "+sent).header.Get("X-Request-Id")
			if (got == sent) != kept || !kept && !idForm.MatchString(got) {
				t.Errorf("%s: %q became %q", path, sent, got)
			}
			if entry := p.out.line(""); entry["request_id"] != got {
				t.Errorf("%s: %q in the answer and %v in the log", path, got, entry["request_id"])
			}
		}
	}
	got := p.call(metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "over-grpc"), "GetUser", "{}")
	if id := got.headers().Get("x-request-id"); !slices.Equal(id, []string{"over-grpc"}) {
		t.Errorf("grpc: %v", id)
	}
}

var columns = []string{
	"caller", "cf_ray", "code", "latency_ms", "level", "method", "msg", "peer", "protocol", "request_id", "time", "upstream_calls", "upstream_ms",
}

func TestEachCallLeavesOneLine(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{askEachTime}})
	trace := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, tc := range []struct {
		name         string
		call         func()
		level, code  string
		more, absent []string
	}{
		{"rest", func() { p.must("GET", "stores", "") }, "info", "OK", nil, nil},
		{"grpc", func() { p.call(context.Background(), "ListStores", `{"account_id":"main"}`) }, "info", "OK", nil, nil},
		{"with a trace", func() { p.must("GET", "stores", "", "traceparent: "+trace) }, "info", "OK", []string{"trace_id"}, nil},
		{"refused by Cloudflare", func() { p.do("GET", "stores/"+noSuchID, "") }, "info", "NotFound", []string{"reason", "error"}, nil},
		{"refused here", func() { p.do("POST", "stores", `{`) }, "info", "InvalidArgument", []string{"reason", "error"}, []string{"cf_ray"}},
		{"a stranger", func() { p.do("GET", "stores", "", "Authorization:") }, "info", "Unauthenticated", []string{"reason", "error"}, []string{"cf_ray"}},
		{"our fault", func() {
			p.inject(emulator.Fault{Kind: emulator.KindStatus, Status: 500, Times: 1})
			p.do("GET", "stores", "")
		}, "error", "Unavailable", []string{"reason", "error"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := len(p.out.lines(""))
			tc.call()
			p.await("the line is there", func() bool { return len(p.out.lines("")) > before })
			lines := p.out.lines("")[before:]
			if len(lines) != 1 || lines[0]["level"] != tc.level || lines[0]["code"] != tc.code || lines[0]["msg"] != "call" {
				t.Fatalf("the lines are %v", lines)
			}
			for _, column := range append(slices.Clone(columns), tc.more...) {
				if _, is := lines[0][column]; is == slices.Contains(tc.absent, column) {
					t.Errorf("column %s: %v", column, lines[0])
				}
			}
			if want := len(columns) + len(tc.more) - len(tc.absent); len(lines[0]) != want {
				t.Errorf("%d columns, want %d: %v", len(lines[0]), want, lines[0])
			}
		})
	}
	if caller := p.out.lines("call")[0]["caller"]; caller != callerName {
		t.Errorf("the caller is %v", caller)
	}
	if !regexp.MustCompile(`^127\.0\.0\.1:\d+$`).MatchString(text(p.out.line("call")["peer"])) {
		t.Errorf("the peer is %v", p.out.line("call")["peer"])
	}
}

// Not parallel, so that the goroutines of other tests stand still.
func TestNoGoroutineIsLeftBehind(t *testing.T) {
	p := start(t, setup{timeout: 50 * time.Millisecond, sets: []string{manyCalls, anyPace}})
	table := readParity(t)
	round := func() {
		for _, c := range table.examples() {
			w := p.given(c.Given)
			p.overGRPC(c, w)
			p.overREST(c, w)
			for _, f := range []emulator.Fault{{Kind: emulator.KindCut}, {Kind: emulator.KindCutMidBody}, {Kind: emulator.KindDelay, Delay: time.Minute}} {
				w = p.given(c.Given)
				f.Times = 2
				p.inject(f)
				p.overGRPC(c, w)
				if f.Kind != emulator.KindDelay {
					p.overREST(c, w)
				}
			}
		}
	}
	p.must("GET", "stores", "")
	p.call(context.Background(), "GetUser", "{}")
	before := runtime.NumGoroutine()
	round()
	// An idle connection to Cloudflare has three goroutines, including the
	// emulator's. As many connections are kept as were needed concurrently, plus
	// one if the cache is refreshed during a call.
	p.await("goroutines end", func() bool { return runtime.NumGoroutine() <= before+2+3 })
}
