package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// inFlight starts a call over each protocol that Cloudflare blocks. The calls
// differ, since equal calls would share an answer.
func (p *program) inFlight(g *gate) (overREST chan reply, overGRPC chan ruling) {
	p.t.Helper()
	p.must("GET", "/client/v4/user", "")
	overREST, overGRPC = make(chan reply, 1), make(chan ruling, 1)
	go func() {
		got, _ := p.try(context.Background(), "GET", "quota", http.NoBody)
		overREST <- got
	}()
	go func() { overGRPC <- p.call(context.Background(), "ListStores", `{"account_id":"main"}`) }()
	p.wait("a request arrives", g.arrived)
	p.wait("another request arrives", g.arrived)
	return overREST, overGRPC
}

func TestAStopLetsCallsFinishAndTakesNoMore(t *testing.T) {
	t.Parallel()
	g := newGate()
	p := start(t, setup{wrap: g.wrap})
	overREST, overGRPC := p.inFlight(g)
	later := dial(t, p.grpc)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watch, err := healthv1.NewHealthClient(p.conn).Watch(ctx, &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := watch.Recv(); err != nil || first.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Fatalf("before: %v %v", first, err)
	}

	p.cancel()
	if then, err := watch.Recv(); err != nil || then.GetStatus() != healthv1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("after: %v %v", then, err)
	}
	cancel()
	p.await("REST takes no connection", func() bool {
		_, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(mustRequest(t, p.rest+"/client/v4/user"))
		return err != nil
	})
	p.await("gRPC takes no call", func() bool {
		err := later.Invoke(asCaller(t.Context()), "/storekeeper.identity.v1.IdentityService/GetUser",
			messageFor(t, methodNamed(t, "GetUser").Input()), messageFor(t, methodNamed(t, "GetUser").Output()))
		got := ruling{err: err}
		got.takeApart()
		return got.code == codes.Unavailable
	})
	if code, body := p.page("/readyz"); code != http.StatusServiceUnavailable || !strings.HasPrefix(body, `{"status":"draining",`) {
		t.Errorf("readyz: %d %s", code, body)
	}
	if code, _ := p.page("/livez"); code != http.StatusOK {
		t.Errorf("livez: %d", code)
	}

	close(g.open)
	if got := <-overREST; got.status != http.StatusOK {
		t.Errorf("rest: %d %s", got.status, got.body)
	}
	if got := <-overGRPC; got.err != nil {
		t.Errorf("grpc: %v", got.err)
	}
	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if p.out.line("stopping") == nil || p.out.line("stopped") == nil {
		t.Errorf("the log does not say so: %s", p.out)
	}
}

func TestAStopCutsCallsAtTheEndOfTheGrace(t *testing.T) {
	t.Parallel()
	g := newGate()
	p := start(t, setup{wrap: g.wrap, sets: []string{"listen.shutdown_grace=50ms"}})
	overREST, overGRPC := p.inFlight(g)
	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if got := <-overREST; got.status != 0 && got.status < http.StatusInternalServerError {
		t.Errorf("rest: %d %s", got.status, got.body)
	}
	if got := <-overGRPC; got.err == nil {
		t.Error("grpc: the call got an answer")
	}
	if p.out.line("calls were cut off at the end of the grace") == nil {
		t.Errorf("the log does not say so: %s", p.out)
	}
}

func mustRequest(t testing.TB, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
