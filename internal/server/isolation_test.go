package server_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/gateway"
	"platform.internal/storekeeper/internal/server/servertest"
	"platform.internal/storekeeper/internal/upstream"
)

// fewOperations is the default number of operations.
const fewOperations = 5000

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestNoTenantSeesOrTouchesWhatIsNotItsOwn makes random calls of seven tenants over gRPC, REST and
// inside the process. It compares every answer, every request to Cloudflare, every record and the
// whole state of Cloudflare with a model. STOREKEEPER_ISOLATION_OPS is the number of calls,
// STOREKEEPER_ISOLATION_SEED the seed. Without a seed the calls are the same in each run, so that a
// change is not refused for an unrelated failure; `make test-isolation` uses a new seed.
func TestNoTenantSeesOrTouchesWhatIsNotItsOwn(t *testing.T) {
	seed := number(t, "STOREKEEPER_ISOLATION_SEED", 1)
	operations := int(number(t, "STOREKEEPER_ISOLATION_OPS", fewOperations))
	t.Logf("%d operations, STOREKEEPER_ISOLATION_SEED=%d", operations, seed)
	x := newIsolation(t, seed)
	for n := range operations {
		if n%250 == 0 {
			x.keepHouse()
		}
		x.step()
		if t.Failed() {
			t.Fatalf("after %d operations", n+1)
		}
	}
	x.compare()
	t.Logf("answers: %v", x.answers)
	for _, code := range []codes.Code{codes.OK, codes.PermissionDenied, codes.NotFound, codes.AlreadyExists, codes.InvalidArgument} {
		if x.answers[code] < operations/500 {
			t.Errorf("only %d of %d operations ended in %s: the test has lost its sense", x.answers[code], operations, code)
		}
	}
}

// isolation is the test under way.
type isolation struct {
	*testing.T

	r       *rand.Rand
	gate    *servertest.Gate
	model   *model
	callers []*caller
	methods map[string]rpcMethod
	grpc    map[string]servertest.Client
	inside  map[string]servertest.Client
	rest    http.Handler
	answers map[codes.Code]int
}

func newIsolation(t *testing.T, seed uint64) *isolation {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	all := tenants()
	rs := newRights(r, all)
	gate := servertest.Start(t, servertest.Config{Rules: rs.policy(r), Callers: all})
	rest := gateway.New(gateway.Config{
		Conn: gate.Server.Conn(), Authenticate: gate.Authenticator.Identify, Pages: http.NotFoundHandler(),
		Unrouted: func(*http.Request, string, int) {},
	})
	x := &isolation{
		T: t, r: r, gate: gate, model: newModel(rs), methods: allMethods(), rest: rest, answers: map[codes.Code]int{},
		grpc: map[string]servertest.Client{}, inside: map[string]servertest.Client{},
	}
	conn := gate.Listen(t)
	for _, p := range all {
		x.callers = append(x.callers, &caller{model: x.model, Principal: p, r: r})
		x.grpc[p.Name], x.inside[p.Name] = servertest.Over(conn, p.Name), gate.As(p)
	}
	for _, at := range [][2]string{
		{main, "st-shared"}, {main, "st-default"}, {main, "st-vault"}, {main, "st-lab-0"}, {main, "st-lab-1"},
		{other, "st-shared"}, {other, "st-default"}, {other, "st-vault"},
	} {
		x.model.addShelf(&modelStore{id: gate.Cloudflare.Store(t, at[0], at[1]), account: at[0], name: at[1]})
	}
	return x
}

// keepHouse keeps the number of secrets within limits, as the platform, and compares the model with
// the state.
func (x *isolation) keepHouse() {
	x.compare()
	live := x.model.live()
	for len(live) > 220 {
		i := x.r.IntN(len(live))
		it := live[i]
		_, err := x.gate.Cloudflare.Client.DeleteSecret(context.Background(), upstream.SecretParams{Account: it.in.account, StoreID: it.in.id, SecretID: it.id})
		if err != nil {
			x.Fatal(err)
		}
		it.gone = true
		live = slices.Delete(live, i, i+1)
	}
	for range 60 {
		s := choose(x.r, x.model.modelStores)
		name := choose(x.r, append([]string{"ROOT_", "VAULT_"}, prefixes...)) + choose(x.r, []string{"A", "B", "C1", "KEY2", "EU_A", "TOP"})
		if s.gone || x.model.at(s, name) != nil {
			continue
		}
		comment := "of " + x.model.fresh("note")
		it := &item{in: s, name: name, value: x.model.fresh("val"), comment: &comment, scopes: []string{"workers"}}
		a, err := x.gate.Cloudflare.Client.CreateSecrets(context.Background(), upstream.CreateSecretsParams{
			Account: s.account, StoreID: s.id,
			Secrets: []upstream.NewSecret{{Name: name, Value: upstream.Value(it.value), Comment: it.comment, Scopes: it.scopes}},
		})
		if err != nil {
			x.Fatal(err)
		}
		it.id = a.Result[0].ID
		x.model.addItem(it)
	}
	x.model.forget()
	x.gate.Cloudflare.Seen()
}

// compare holds all that is at Cloudflare, values included, against the model.
func (x *isolation) compare() {
	got, want := x.gate.Cloudflare.State(x.T), x.model.state()
	if maps.Equal(got, want) {
		return
	}
	for at, what := range got {
		if want[at] != what {
			x.Errorf("%s is %s, want %q", at, what, want[at])
		}
	}
	for at, what := range want {
		if got[at] == "" {
			x.Errorf("%s is gone, want %s", at, what)
		}
	}
}

// step makes one call and checks all its effects.
func (x *isolation) step() {
	c := choose(x.r, x.callers)
	a := c.next()
	door, got := x.call(c, a)
	x.answers[got.code]++
	complain := func(format string, args ...any) {
		x.Helper()
		x.Errorf("%s by %s over %s: %s\nrequest %v\nanswer %v %s", a.method, c.Name, door, fmt.Sprintf(format, args...), a.request, got.code, got.text)
	}
	if !slices.Contains(a.codes, got.code) {
		complain("want %v", a.codes)
		return
	}
	if changed := x.gate.Cloudflare.Changed(); !a.mayHaveSent(got.code, len(changed)) {
		complain("sent %v", changed)
	}
	if got.code == ok && a.check != nil {
		if wrong := a.check(got.reply); wrong != "" {
			complain("%s", wrong)
		}
	}
	if sighting := x.sighting(c, a, got); sighting != "" {
		complain("%s", sighting)
	}
	if wrong := recorded(a, got.code, x.gate.Trail.Written()); wrong != "" {
		complain("%s", wrong)
	}
}

// mayHaveSent reports whether a call with a code may have sent a number of changes. The comparison
// of model and state checks the effects.
func (a *attempt) mayHaveSent(code codes.Code, changes int) bool {
	switch {
	case code == ok && a.changes:
		return changes == 1
	case code == codes.NotFound:
		// A change that the rules allow is sent even if the object is gone.
		return a.changes && changes <= 1 || changes == 0
	}
	return changes == 0 || changes == 1 && a.changes && a.allowed && code != codes.PermissionDenied
}

// call makes a call in one of the three ways.
func (x *isolation) call(c *caller, a *attempt) (door string, got answer) {
	m := x.methods[a.method]
	switch n := x.r.IntN(10); {
	case n < 2:
		return "gRPC", m.overRPC(x.Context(), x.grpc[c.Name].Conn, a.request)
	case n < 4:
		if path := m.httpRequest(a.request).URL.EscapedPath(); strings.Contains(path, "//") || strings.HasSuffix(path, "/") {
			// An empty identifier makes another path, which leads nowhere.
			a.codes = []codes.Code{codes.NotFound}
		}
		return "REST", m.overREST(x.rest, c.Name, a.request)
	}
	return "inproc", m.overRPC(x.Context(), x.inside[c.Name].Conn, a.request)
}

// sighting finds a word in an answer that tells of something that the caller
// may not see and did not speak of itself.
func (x *isolation) sighting(c *caller, a *attempt, got answer) string {
	var asked []string
	collect(a.request.ProtoReflect(), &asked)
	for _, word := range got.words {
		if x.model.values[word] {
			return "it holds the value " + word
		}
		if of, is := x.model.about(word); is && of != c.Name && !a.accepts(word) && !slices.Contains(asked, word) {
			return "it holds " + word
		}
		if !x.model.tells(word) {
			continue
		}
		if slices.Contains(asked, word) || a.accepts(word) || x.model.sees(c, a.acts, word) {
			continue
		}
		return "it holds " + word
	}
	return ""
}

// tells reports whether a word is visible to only some callers.
func (m *model) tells(word string) bool {
	return m.byID[word] != nil || m.marks[word] != nil || m.names[word] != nil || m.storesByID[word] != nil || strings.HasPrefix(word, "st-")
}

// sees says whether a caller may see a word. acts are secrets that the call
// itself has made or changed.
func (m *model) sees(c *caller, acts []*item, word string) bool {
	may := func(it *item) bool {
		return it != nil && (slices.Contains(acts, it) || m.may(c.Principal, "secret.get", it.place()))
	}
	if may(m.byID[word]) || may(m.marks[word]) {
		return true
	}
	if slices.ContainsFunc(m.names[word], func(at place) bool { return m.may(c.Principal, "secret.get", at) }) ||
		slices.ContainsFunc(acts, func(it *item) bool { return it.name == word }) {
		return true
	}
	return slices.ContainsFunc(m.modelStores, func(s *modelStore) bool {
		return (s.id == word || s.name == word) && m.may(c.Principal, "store.get", place{account: s.account, store: s.name})
	})
}

// recorded describes a difference between the trail of a call and the expectation.
func recorded(a *attempt, code codes.Code, written []servertest.WrittenRecord) string {
	var want []audit.RecordKind
	switch {
	case code == codes.PermissionDenied:
		want = []audit.RecordKind{audit.KindDenial}
	case code == ok && a.changes:
		want = intentAndOutcome
	case a.changes && len(written) == 2:
		// A refusal by Cloudflare. For several secrets, the refusal may concern only some.
		refused := []audit.Outcome{audit.Failed}
		if written[1].SecretCount > 1 || a.method == "DeleteStore" {
			refused = append(refused, audit.Unknown)
		}
		if !slices.Contains(refused, written[1].Outcome) {
			return fmt.Sprintf("the trail says %s", written[1].Outcome)
		}
		want = intentAndOutcome
	}
	if !slices.Equal(kinds(written), want) || code == ok && a.changes && written[1].Outcome != audit.Succeeded {
		return fmt.Sprintf("the trail has %v, want %v", written, want)
	}
	return ""
}
