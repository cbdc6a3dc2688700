package reconcile_test

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/reconcile"
	"platform.internal/storekeeper/internal/upstream"
)

const (
	accountID = "023e105f4ecef8ad9ca31a8372d0c353"
	// attempt bounds an attempt in tests in which answers are late.
	attempt = time.Second
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The parallel tests wait for clocks, so that more of them than there are
	// processors can run at once.
	if err := flag.Set("test.parallel", "64"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// world is an emulated Cloudflare behind a real connection, with a settler in
// front.
type world struct {
	t *testing.T
	*emulator.Emulator
	client  *upstream.Client
	settler settler
	store   string
	// within is the time in which a change must be over.
	within time.Duration

	mu     sync.Mutex
	events []reconcile.Report
}

// newWorld starts a world with a store. before, if not nil, wraps the handler of the emulator.
func newWorld(t *testing.T, before func(http.Handler) http.Handler, set ...func(*reconcile.Config)) *world {
	t.Helper()
	w := &world{t: t, within: 20 * time.Second, Emulator: emulator.New(emulator.Config{
		Accounts:        []emulator.Account{{ID: accountID, StoreLimit: 50, SecretLimit: 500}},
		RateLimit:       &emulator.RateLimit{},
		ActivateAfter:   -1,
		RequestLogLimit: 1000,
	})}
	var handler http.Handler = w.Emulator
	if before != nil {
		handler = before(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := upstream.New(upstream.Config{Accounts: []upstream.Account{{
		ID: accountID, Name: "main", BaseURL: server.URL + "/client/v4", Token: upstream.NewToken("platform-token-3f9a"),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	w.client = client
	config := reconcile.Config{Listings: pages{client}, Attempt: 2 * time.Second, Observe: w.observe}
	for _, f := range set {
		f(&config)
	}
	w.settler = newSettler(config, client)
	w.store = w.newStore("home")
	return w
}

func (w *world) observe(e reconcile.Report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

func (w *world) seen() []reconcile.Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.events)
}

func (w *world) newStore(name string) string {
	w.t.Helper()
	answer, err := w.client.CreateStore(w.t.Context(), upstream.CreateStoreParams{Account: accountID, Name: name})
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.Result.ID
}

func (w *world) newSecret(name string) upstream.Secret {
	w.t.Helper()
	answer, err := w.client.CreateSecrets(w.t.Context(), upstream.CreateSecretsParams{
		Account: accountID, StoreID: w.store, Secrets: []upstream.NewSecret{item(name)},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.Result[0]
}

func item(name string) upstream.NewSecret {
	comment := "of " + name
	return upstream.NewSecret{Name: name, Value: upstream.Value("value of " + name), Scopes: []string{"workers"}, Comment: &comment}
}

func (w *world) strike(faults ...emulator.Fault) {
	w.t.Helper()
	if err := w.Inject(faults...); err != nil {
		w.t.Fatal(err)
	}
}

// with returns a context for a change with a baseline and a deadline.
func (w *world) with(o *change.Attempt, at target) context.Context {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), w.within)
	w.t.Cleanup(cancel)
	at.Account = accountID
	var err error
	if o.Baseline, err = w.settler.Baseline(ctx, at.op()); err != nil {
		w.t.Fatal(err)
	}
	return change.With(ctx, o)
}

// secrets returns the values, scopes and comments of the store, by name.
func (w *world) secrets() map[string]string {
	w.t.Helper()
	return w.secretsIn(w.store)
}

func (w *world) secretsIn(store string) map[string]string {
	w.t.Helper()
	all, err := pages{w.client}.Secrets(w.t.Context(), accountID, store, time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	told := map[string]string{}
	for _, s := range all {
		if _, twice := told[s.Name]; twice {
			w.t.Errorf("%s is there twice", s.Name)
		}
		value, _ := w.Value(accountID, store, s.Name)
		told[s.Name] = value + " | " + describe(s)
	}
	return told
}

// stores tells which stores there are.
func (w *world) stores() []string {
	w.t.Helper()
	all, err := pages{w.client}.Stores(w.t.Context(), accountID, time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

// describe returns the fields of a secret that do not depend on the time of creation.
func describe(s upstream.Secret) string {
	text := s.Name + " " + s.Status
	for _, scope := range s.Scopes {
		text += " " + scope
	}
	if s.Comment == nil {
		return text + " without comment"
	}
	return text + " " + *s.Comment
}

// pages is a listings that asks each time.
type pages struct{ client *upstream.Client }

// Stores lists the stores of an account.
func (p pages) Stores(ctx context.Context, account string, _ time.Time) ([]upstream.Store, error) {
	answer, err := p.client.ListStores(ctx, upstream.ListStoresParams{Account: account, Paging: upstream.Paging{PerPage: 100}})
	return answer.Result, err
}

// Secrets lists the secrets of a store.
func (p pages) Secrets(ctx context.Context, account, store string, _ time.Time) ([]upstream.Secret, error) {
	var all []upstream.Secret
	for page := 1; ; page++ {
		answer, err := p.client.ListSecrets(ctx, upstream.ListSecretsParams{
			Account: account, StoreID: store, Paging: upstream.Paging{Page: page, PerPage: 100},
		})
		all = append(all, answer.Result...)
		if err != nil || len(answer.Result) < 100 {
			return all, err
		}
	}
}
