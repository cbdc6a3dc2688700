package batch_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/batch"
	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

const accountID = "023e105f4ecef8ad9ca31a8372d0c353"

// wire is the real client for an emulated Cloudflare behind a real connection,
// with a budget before each call.
type wire struct {
	*emulator.Emulator
	client    *upstream.Client
	scheduler *budget.Scheduler
	coalescer coalescer
	store     string
	// past makes new secrets look old.
	past atomic.Bool
}

func newWire(t *testing.T, limit budget.Config) *wire {
	t.Helper()
	w := &wire{scheduler: budget.New(limit)}
	t.Cleanup(w.scheduler.Close)
	w.Emulator = emulator.New(emulator.Config{
		Accounts: []emulator.Account{{ID: accountID, StoreLimit: 5, SecretLimit: 500}}, RateLimit: &emulator.RateLimit{}, ActivateAfter: -1,
		Clock: func() time.Time {
			if w.past.Load() {
				return time.Now().Add(-time.Hour)
			}
			return time.Now()
		},
	})
	server := httptest.NewServer(w.Emulator)
	t.Cleanup(server.Close)
	client, err := upstream.New(upstream.Config{
		Transport: &gate{scheduler: w.scheduler, next: upstream.NewTransport(), poison: "POISON"},
		Accounts: []upstream.Account{{
			ID: accountID, Name: "main", BaseURL: server.URL + "/client/v4", Token: upstream.NewToken("platform-token-3f9a"),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	w.client = client
	w.coalescer = newCoalescer(batch.Config{
		Listings: firstPage{client},
		Acquire: func(ctx context.Context, _ *change.Attempt, a budget.Ask) (*budget.Permit, error) {
			return w.scheduler.Acquire(ctx, a)
		},
	}, client)
	t.Cleanup(w.coalescer.Close)
	made, err := client.CreateStore(t.Context(), upstream.CreateStoreParams{Account: accountID, Name: "home"})
	if err != nil {
		t.Fatal(err)
	}
	w.store = made.Result.ID
	return w
}

func (w *wire) params(name string) upstream.CreateSecretsParams {
	return upstream.CreateSecretsParams{Account: accountID, StoreID: w.store, Secrets: []upstream.NewSecret{
		{Name: name, Value: upstream.Value("value of " + name), Scopes: []string{"workers"}},
	}}
}

// gate makes each request wait for a permit, unless the request has a permit.
type gate struct {
	scheduler *budget.Scheduler
	next      http.RoundTripper
	// poison is a text that makes Cloudflare fail if a body contains the text.
	poison string
}

// RoundTrip sends a request after acquiring a permit.
func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	var turn *budget.Permit
	if a := change.From(r.Context()); a != nil {
		turn = a.Permit
	}
	if turn == nil || !turn.Take() {
		var err error
		if turn, err = g.scheduler.Acquire(r.Context(), budget.Ask{}); err != nil {
			return nil, err
		}
	}
	var answer *http.Response
	var err error
	if g.poisons(r) {
		answer = &http.Response{StatusCode: http.StatusInternalServerError, Body: http.NoBody, Request: r}
	} else {
		answer, err = g.next.RoundTrip(r)
	}
	turn.Done(budget.Result{Sent: true, Answered: err == nil})
	return answer, err
}

// poisons reports whether a request contains the poison.
func (g *gate) poisons(r *http.Request) bool {
	if g.poison == "" || r.GetBody == nil {
		return false
	}
	body, err := r.GetBody()
	if err != nil {
		return true
	}
	text, err := io.ReadAll(body)
	return err != nil || strings.Contains(string(text), g.poison)
}

// CloseIdleConnections closes the idle connections of the transport.
func (g *gate) CloseIdleConnections() {
	if t, ok := g.next.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// firstPage is a listings of small stores.
type firstPage struct{ client *upstream.Client }

// Secrets lists a store.
func (l firstPage) Secrets(ctx context.Context, account, store string, _ time.Time) ([]upstream.Secret, error) {
	a, err := l.client.ListSecrets(ctx, upstream.ListSecretsParams{Account: account, StoreID: store, Paging: upstream.Paging{PerPage: 100}})
	return a.Result, err
}

// wish is the create of one of many callers and the expected result.
type wish struct {
	name   string
	change func(*upstream.CreateSecretsParams)
	reason string
}

func wishes() []wish {
	var all []wish
	for i := range 64 {
		one := wish{name: fmt.Sprintf("CANARY-%02d-%x", i, i*7919)}
		switch i {
		case 3, 40:
			one.reason = "SECRET_NAME_ALREADY_EXISTS"
		case 10, 11, 55:
			one.reason = "SECRET_SCOPE_INVALID"
			one.change = func(p *upstream.CreateSecretsParams) { p.Secrets[0].Scopes = []string{"moon"} }
		case 20:
			one.reason = "SECRET_NAME_INVALID"
			one.name += "."
		}
		all = append(all, one)
	}
	return all
}

// TestManyCallersShareFewCalls has 64 callers that create a secret each, some of them invalid, under a budget
// of 20 calls in 200 ms.
func TestManyCallersShareFewCalls(t *testing.T) {
	for name, past := range map[string]bool{"what is taken is old": true, "what is taken is new": false} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, budget.Config{Calls: 20, Window: 200 * time.Millisecond})
			all := wishes()
			w.past.Store(past)
			for _, one := range all {
				if one.reason == "SECRET_NAME_ALREADY_EXISTS" {
					if _, err := w.client.CreateSecrets(t.Context(), w.params(one.name)); err != nil {
						t.Fatal(err)
					}
				}
			}
			w.past.Store(false)
			before := w.Calls("secrets-store-secret-create")
			var callers sync.WaitGroup
			for _, one := range all {
				callers.Go(func() { one.come(t, w, all) })
			}
			callers.Wait()
			if calls := w.Calls("secrets-store-secret-create") - before; calls > 32 {
				t.Errorf("%d calls for 64 secrets", calls)
			}
			if _, secrets := w.Counts(accountID); secrets != 60 {
				t.Errorf("%d secrets, want 60", secrets)
			}
		})
	}
}

// come creates one secret and checks that the answer concerns only that secret.
func (one wish) come(t *testing.T, w *wire, all []wish) {
	p := w.params(one.name)
	if one.change != nil {
		one.change(&p)
	}
	a, err := w.coalescer.CreateSecrets(t.Context(), p)
	told := fmt.Sprintf("%+v", a)
	if err != nil {
		f := fault.From(err)
		told = fmt.Sprintf("%+v %v", *f, f)
		if f.Reason != one.reason || len(f.Fields) > 0 && !strings.HasPrefix(f.Fields[0].Pointer, "/0/") || len(f.Fields) > 1 {
			t.Errorf("%s was told %s", one.name, told)
		}
	} else if one.reason != "" || len(a.Result) != 1 || a.Result[0].Name != one.name || a.Info != nil {
		t.Errorf("%s was told %s", one.name, told)
	}
	for _, other := range all {
		if other.name != one.name && strings.Contains(told, other.name) {
			t.Errorf("%s was told of another: %s", one.name, told)
		}
	}
	if value, _ := w.Value(accountID, w.store, one.name); one.reason == "" && value != "value of "+one.name {
		t.Errorf("%s has the value %q", one.name, value)
	}
}

// TestARefusedCredentialEndsWithOneCall has real callers with a credential that
// Cloudflare takes no more.
func TestARefusedCredentialEndsWithOneCall(t *testing.T) {
	w := newWire(t, budget.Config{Calls: 3, Window: 300 * time.Millisecond})
	if err := w.Inject(emulator.Fault{Kind: emulator.KindEchoCredential, Method: http.MethodPost}); err != nil {
		t.Fatal(err)
	}
	var callers sync.WaitGroup
	for i := range 10 {
		callers.Go(func() {
			if _, err := w.coalescer.CreateSecrets(t.Context(), w.params(fmt.Sprint("N", i))); fault.From(err).Reason != "UPSTREAM_CREDENTIAL_REFUSED" {
				t.Errorf("told %v", err)
			}
		})
	}
	callers.Wait()
	if calls := w.Calls("secrets-store-secret-create"); calls > 3 {
		t.Errorf("%d calls", calls)
	}
}

// TestATurnThatIsNotUsedIsGivenBack asks for a store that cannot be, which the
// client refuses by itself.
func TestATurnThatIsNotUsedIsGivenBack(t *testing.T) {
	w := newWire(t, budget.Config{Calls: 4, Window: 200 * time.Millisecond})
	p := w.params("A")
	p.StoreID = "no store"
	var callers sync.WaitGroup
	for range 5 {
		callers.Go(func() {
			if _, err := w.coalescer.CreateSecrets(t.Context(), p); fault.From(err).Kind != fault.NotFound {
				t.Errorf("told %v", err)
			}
		})
	}
	callers.Wait()
	w.coalescer.Close()
	if state := w.scheduler.State(); state.InFlight != 0 || w.Calls("secrets-store-secret-create") != 0 {
		t.Errorf("%+v", state)
	}
}
