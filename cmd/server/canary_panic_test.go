package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/gateway"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/names"
	"platform.internal/storekeeper/internal/server"
	"platform.internal/storekeeper/internal/telemetry"
	"platform.internal/storekeeper/internal/upstream"
)

// panicking is a service that panics with the message that it received.
type panicking struct {
	secretsstorev1.UnimplementedSecretsStoreServiceServer

	way func(*secretsstorev1.CreateSecretsRequest)
}

func (s *panicking) CreateSecrets(_ context.Context, r *secretsstorev1.CreateSecretsRequest) (*secretsstorev1.CreateSecretsResponse, error) {
	s.way(r)
	return nil, nil
}

// panics are ways to fail with a value in hand.
func panics() map[string]func(*secretsstorev1.CreateSecretsRequest) {
	value := func(r *secretsstorev1.CreateSecretsRequest) string { return r.GetSecrets()[0].GetValue() }
	return map[string]func(*secretsstorev1.CreateSecretsRequest){
		"with the value":          func(r *secretsstorev1.CreateSecretsRequest) { panic(value(r)) },
		"with the request":        func(r *secretsstorev1.CreateSecretsRequest) { panic(r) },
		"with an error":           func(r *secretsstorev1.CreateSecretsRequest) { panic(errors.New("bad " + value(r))) },
		"with an error of Go's":   func(r *secretsstorev1.CreateSecretsRequest) { _, err := strconv.Atoi(value(r)); panic(err) },
		"with a wrapped error":    func(r *secretsstorev1.CreateSecretsRequest) { panic(fmt.Errorf("bad: %w", errors.New(value(r)))) },
		"with a gRPC status":      func(r *secretsstorev1.CreateSecretsRequest) { panic(status.Error(codes.NotFound, value(r))) },
		"with bytes":              func(r *secretsstorev1.CreateSecretsRequest) { panic([]byte(value(r))) },
		"with an index":           func(r *secretsstorev1.CreateSecretsRequest) { _ = value(r)[:len(value(r))*2] },
		"with a type":             func(r *secretsstorev1.CreateSecretsRequest) { _ = any(value(r)).(fmt.Stringer) },
		"with a map that is none": func(r *secretsstorev1.CreateSecretsRequest) { noMap()[value(r)] = 1 },
		"with a key of no hash":   func(r *secretsstorev1.CreateSecretsRequest) { _ = map[any]int{}[[]string{value(r)}] },
		"by a panic in a defer": func(r *secretsstorev1.CreateSecretsRequest) {
			defer func() { panic(fmt.Sprintf("again %v", recover())) }()
			panic(value(r))
		},
	}
}

// noMap hides from checkers that there is none.
func noMap() map[string]int { return nil }

// panicProgram is the program, with a service in place of ours.
func panicProgram(t *testing.T, service *panicking) *program {
	t.Helper()
	p := &program{t: t, folder: t.TempDir(), out: &transcript{}, err: &transcript{}}
	log, err := telemetry.NewLogger("debug", "json", p.out)
	must(t, err)
	metrics, err := telemetry.NewMetrics(telemetry.MetricsOptions{Methods: methodsOf(services()), Operations: upstreamOperations()})
	must(t, err)
	account := config.Account{ID: accountID, Name: accountName, BaseURL: "http://127.0.0.1:1/client/v4"}
	cloudflare, err := newUpstream(&config.Config{Accounts: []config.Account{account}}, upstream.NewToken(platformToken), observer{log: log, metrics: metrics}.hooks(0))
	must(t, err)
	t.Cleanup(cloudflare.Close)
	callers, err := newCallers(config.Callers{APIKeys: []config.APIKey{{Name: callerName, SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(callerKey)))}}}, nil, log)
	must(t, err)
	t.Cleanup(callers.Close)
	resolver, err := names.New(cloudflare, nil)
	must(t, err)
	chain, _, err := newChain(services(), compileRules(config.Policy{}, nil, services()), resolver, &config.Config{})
	must(t, err)
	state := filepath.Join(p.folder, "state")
	kept, err := openState(t.Context(), settings{config: &config.Config{
		Audit: config.Audit{Sink: config.AuditFile, File: filepath.Join(p.folder, "audit.log")},
		Store: config.Store{Kind: config.StoreFile, Folder: state, KeyFile: state + ".key"},
	}}, log)
	must(t, err)
	t.Cleanup(func() { must(t, errors.Join(kept.trail.Close(), kept.Close())) })
	chain.Log, chain.Metrics, chain.Authenticator, chain.Denials = log, metrics, callers, kept.trail
	behind := &engine{rights: chain.Rights}
	keeper, err := idempotency.New(idempotency.Config{
		Store: kept, Replica: "one", Alone: true, Pepper: make([]byte, 32), Settle: time.Millisecond, Found: behind.found,
		Recover: func(context.Context, *idempotency.Operation) ([]byte, error) { return nil, change.ErrUnproven },
	})
	must(t, err)
	keeper.Start(t.Context())
	t.Cleanup(func() { must(t, keeper.Close(context.WithoutCancel(t.Context()))) })
	chain.Idempotency = server.Idempotency{Coordinator: keeper}
	rpc := server.New(chain, []server.Register{func(r grpc.ServiceRegistrar) { secretsstorev1.RegisterSecretsStoreServiceServer(r, service) }})
	rest := gateway.New(gateway.Config{
		Conn: rpc.Conn(), Authenticate: callers.Identify, Pages: pages(), Unrouted: logUnrouted(log),
	})
	p.rest, p.grpc = serveTest(t, rest), serveRPC(t, rpc)
	p.admin = serveTest(t, telemetry.NewAdmin(telemetry.AdminOptions{Metrics: metrics}))
	p.connect()
	return p
}

func serveTest(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func serveRPC(t *testing.T, s *server.Server) string {
	t.Helper()
	on, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ended := make(chan error, 1)
	go func() { ended <- s.GRPC().Serve(on) }()
	t.Cleanup(func() {
		s.GRPC().Stop()
		must(t, <-ended)
	})
	return on.Addr().String()
}

func TestAPanicTellsNothingOfWhatItHeld(t *testing.T) {
	t.Parallel()
	service, birds, c := &panicking{}, birds(), &canaries{}
	p := panicProgram(t, service)
	search := func(where, text string) {
		t.Helper()
		if what := birds.in(text); what != "" {
			t.Errorf("%s: holds %s", where, what)
		}
	}
	for name, way := range panics() {
		service.way = way
		request := batchOf(noSuchID, 1, c.next())
		got := p.send(t.Context(), "CreateSecrets", request)
		if got.code != codes.Internal || got.info.GetReason() != "INTERNAL" {
			t.Errorf("%s: grpc: %v", name, got.err)
		}
		search(name+" over gRPC", fmt.Sprint(got.err, got.headers(), status.Convert(got.err).Details()))
		answer := p.do("POST", "stores/"+noSuchID+"/secrets", batchJSON(1, c.next()).String())
		if answer.status != http.StatusInternalServerError || answer.Errors[0].Code != 1000 {
			t.Errorf("%s: rest: %d %s", name, answer.status, answer.body)
		}
		search(name+" over REST", fmt.Sprint(answer.body, answer.header))
	}
	search("the log", p.out.String())
	search("the trail", p.trailText())
	_, metrics := p.page("/metrics")
	search("the metrics", metrics)
	unknown := 0
	for _, r := range p.trail(t) {
		if r.Kind == "outcome" && r.Outcome == "unknown" {
			unknown++
		}
	}
	if calls := p.out.lines("call"); len(calls) != 2*len(panics()) || unknown != len(calls) {
		t.Errorf("%d calls in the log, %d outcomes that nobody knows", len(calls), unknown)
	}
}
