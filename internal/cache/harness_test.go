package cache_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/change/changetest"
	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

const (
	accountID = emulator.DefaultAccountID
	account   = "main"
	// noSuchID has the form of an identifier and belongs to nothing.
	noSuchID = "00000000000040008000000000000000"

	listStores  = "secrets-store-list"
	listSecrets = "secrets-store-secrets-list"
	getSecret   = "secrets-store-get-by-id"
	readQuota   = "secrets-store-quota"

	staleness = 30 * time.Second
)

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

// clock is a manual clock.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is an emulated Cloudflare behind a real listener.
type world struct {
	*emulator.Emulator
	t      testing.TB
	clock  *clock
	direct *upstream.Client
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}}
	w.Emulator = emulator.New(emulator.Config{
		Accounts:  []emulator.Account{{ID: accountID, StoreLimit: 1000, SecretLimit: 100_000}},
		RateLimit: &emulator.RateLimit{}, ActivateAfter: -1, Clock: w.clock.Now,
	})
	server := httptest.NewServer(w.Emulator)
	t.Cleanup(server.Close)
	client, err := upstream.New(upstream.Config{Accounts: []upstream.Account{{
		ID: accountID, Name: account, BaseURL: server.URL + "/client/v4", Token: upstream.NewToken("test-token"),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	w.direct = client
	return w
}

// cache makes Listings and a client.
func (w *world) cache(change ...func(*cache.Config)) (*client, *cache.Listings) {
	w.t.Helper()
	config := cache.Config{Reader: w.direct, Clock: w.clock.Now}
	for _, f := range change {
		f(&config)
	}
	listings, err := cache.New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(listings.Close)
	return newClient(listings, config.Reader), listings
}

// cloud reads and changes.
type cloud interface {
	upstream.Reader
	change.Cloudflare
}

// client reads from Listings and makes changes through them.
type client struct {
	*cache.Client
	changetest.Calls
}

// newClient returns a client whose changes go to next if next supports changes.
func newClient(l *cache.Listings, next upstream.Reader) *client {
	to, _ := next.(change.Cloudflare)
	return &client{l.Client(next), changetest.Through(l.Apply, to)}
}

// faults makes requests go wrong from now on.
func (w *world) faults(f ...emulator.Fault) {
	w.t.Helper()
	if err := w.Inject(f...); err != nil {
		w.t.Fatal(err)
	}
}

// down makes every request fail.
func (w *world) down() { w.faults(emulator.Fault{Kind: emulator.KindStatus, Status: 503}) }

// costs says how many requests of an operation something makes.
func (w *world) costs(operation string, want int, do func()) {
	w.t.Helper()
	before := w.Calls(operation)
	do()
	if got := w.Calls(operation) - before; got != want {
		w.t.Errorf("%d requests of %s, want %d", got, operation, want)
	}
}

// store creates a store without the cache and returns the identifier.
func (w *world) store(name string) string {
	w.t.Helper()
	a, err := w.direct.CreateStore(w.t.Context(), upstream.CreateStoreParams{Account: account, Name: name})
	if err != nil {
		w.t.Fatal(err)
	}
	return a.Result.ID
}

// secrets makes secrets through a client.
func secrets(t testing.TB, by cloud, store string, names ...string) []upstream.Secret {
	t.Helper()
	var wanted []upstream.NewSecret
	for _, name := range names {
		wanted = append(wanted, upstream.NewSecret{Name: name, Value: "v", Scopes: []string{"workers"}})
	}
	a, err := by.CreateSecrets(t.Context(), upstream.CreateSecretsParams{Account: account, StoreID: store, Secrets: wanted})
	if err != nil {
		t.Fatal(err)
	}
	return a.Result
}

func secret(store, id string) upstream.SecretParams {
	return upstream.SecretParams{Account: account, StoreID: store, SecretID: id}
}

func all(store string) upstream.ListSecretsParams {
	return upstream.ListSecretsParams{Account: account, StoreID: store, Paging: upstream.Paging{PerPage: 100}}
}

// names lists a store through a client.
func names(t testing.TB, by cloud, store string) string {
	t.Helper()
	a, err := by.ListSecrets(t.Context(), all(store))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, s := range a.Result {
		list = append(list, s.Name)
	}
	return fmt.Sprint(list)
}

// freshness returns the freshness that a read reports.
func freshness(t testing.TB, read func(context.Context) error) (scope.Freshness, error) {
	t.Helper()
	answer := &scope.FreshnessRecorder{}
	err := read(scope.WithCall(t.Context(), "", answer, false))
	return answer.Freshness(), err
}

func kindOf(err error) fault.Kind {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return -1
	}
	return f.Kind
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// gate is a Cloudflare whose responses can be delayed. A hook runs between the real response and
// its delivery.
type gate struct {
	*upstream.Client
	mu    sync.Mutex
	hooks map[string]func()
}

func newGate(c *upstream.Client) *gate { return &gate{Client: c, hooks: map[string]func(){}} }

// once sets the hook for the next response to a method.
func (g *gate) once(method string, hook func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hooks[method] = hook
}

func (g *gate) pass(method string) {
	g.mu.Lock()
	hook := g.hooks[method]
	delete(g.hooks, method)
	g.mu.Unlock()
	if hook != nil {
		hook()
	}
}

func (g *gate) ListSecrets(ctx context.Context, p upstream.ListSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	defer g.pass("ListSecrets")
	return g.Client.ListSecrets(ctx, p)
}

func (g *gate) GetSecret(ctx context.Context, p upstream.SecretParams) (upstream.Answer[upstream.Secret], error) {
	defer g.pass("GetSecret")
	return g.Client.GetSecret(ctx, p)
}

func (g *gate) DeleteSecret(ctx context.Context, p upstream.SecretParams) (upstream.Answer[upstream.None], error) {
	defer g.pass("DeleteSecret")
	return g.Client.DeleteSecret(ctx, p)
}

// held delays the next response to a method. arrived is closed once the real response has arrived.
func (g *gate) held(method string) (arrived <-chan struct{}, release func()) {
	came, gone := make(chan struct{}), make(chan struct{})
	g.once(method, func() { close(came); <-gone })
	return came, sync.OnceFunc(func() { close(gone) })
}

func viaGate(w *world) (*gate, func(*cache.Config)) {
	g := newGate(w.direct)
	return g, func(c *cache.Config) { c.Reader = g }
}
