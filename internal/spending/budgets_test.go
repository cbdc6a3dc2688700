package spending_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/spending"
	"platform.internal/storekeeper/internal/upstream"
)

// spenders is a configuration in which two accounts share one credential.
func spenders() spending.Config {
	return spending.Config{
		Accounts: []spending.Account{
			{ID: "1", Name: "main", Source: "/a"},
			{ID: "2", Name: "other", Source: "/b"},
			{ID: "3", Name: "test", Source: "/a"},
			{ID: "4", Name: "key", Source: "key/a"},
			{ID: "5", Name: "dev"},
			{ID: "6", Name: "dev2"},
		},
		Calls: 1200, Window: 5 * time.Minute, Weights: map[string]float64{"heavy": 3},
	}
}

// budgets are budgets that are open, over an empty store if c names none.
type budgets struct{ *spending.Budgets }

func open(t *testing.T, c spending.Config) budgets {
	t.Helper()
	if c.Store == nil {
		c.Store = newMemory()
	}
	b := spending.New(c)
	t.Cleanup(b.Close)
	b.Open(t.Context())
	return budgets{b}
}

func account(i int) spending.Account {
	return spending.Account{ID: fmt.Sprint("id", i), Name: fmt.Sprint("name", i)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(account string) upstream.Ask { return upstream.Ask{Operation: "GetSecret", Account: account} }

func fine() upstream.Attempt { return upstream.Attempt{Status: http.StatusOK} }

// throttledFor is the end of a request that Cloudflare refused.
func throttledFor(d time.Duration) upstream.Attempt {
	f := fault.New(fault.Throttled, "UPSTREAM_THROTTLED", "Too many.")
	f.RetryAfter = d
	return upstream.Attempt{Status: http.StatusTooManyRequests, Err: f}
}

// call makes one call to Cloudflare for a tenant.
func (p budgets) call(t *testing.T, account, payer string, end upstream.Attempt) {
	t.Helper()
	done, err := p.Admit(scope.WithTenant(t.Context(), payer), read(account))
	must(t, err)
	done(end)
}

func TestAccountsOfOneCredentialShareABudget(t *testing.T) {
	t.Parallel()
	p := open(t, spenders())
	var names []string
	for _, s := range p.States() {
		names = append(names, s.Credential)
	}
	if want := []string{"main+test", "other", "key", "dev", "dev2"}; !slices.Equal(names, want) {
		t.Errorf("the budgets are %v, want %v", names, want)
	}
	p.call(t, "main", "", fine())
	p.call(t, "3", "team-a", fine())
	p.call(t, "other", "team-a", fine())
	for account, want := range map[string]int{"1": 2, "main": 2, "3": 2, "test": 2, "2": 1, "other": 1, "key": 0, "5": 0, "dev2": 0} {
		if got := p.Of(account).State().Used; got != want {
			t.Errorf("of the budget of %s %d calls are used, want %d", account, got, want)
		}
	}
	states := p.States()
	if s := states[0]; s.Limit != 1200 || s.Used != 2 || s.Tenants[""] != 1 || s.Tenants["team-a"] != 1 || s.Blocked != 0 {
		t.Errorf("it shows %+v", s)
	}
	if _, err := p.Admit(t.Context(), read("nobody's")); fault.From(err).Kind != fault.Internal {
		t.Errorf("an account without a budget: %v", err)
	}
}

func TestShareIsToldInTheFormOfCloudflaresHeaders(t *testing.T) {
	t.Parallel()
	p := open(t, spenders())
	if limit, policy := p.Share("nobody's", "team-a"); limit != "" || policy != "" {
		t.Errorf("an account without a budget: %q %q", limit, policy)
	}
	limit, policy := p.Share("main", "team-a")
	if limit != `"default";r=1176;t=300` || policy != `"default";q=1200;w=300` {
		t.Errorf("at first %q %q", limit, policy)
	}
	for range 10 {
		p.call(t, "main", "team-a", fine())
		p.call(t, "main", "heavy", fine())
	}
	form := regexp.MustCompile(`^"default";r=(\d+);t=(\d+)$`)
	for payer, want := range map[string][2]string{
		"team-a": {"290", `"default";q=300;w=300`}, "heavy": {"890", `"default";q=900;w=300`},
		// A tenant that arrives now shares with both.
		"team-b": {"240", `"default";q=240;w=300`},
	} {
		limit, policy = p.Share("test", payer)
		if got := form.FindStringSubmatch(limit); got == nil || got[1] != want[0] || policy != want[1] {
			t.Errorf("%s: %q %q, want %v", payer, limit, policy, want)
		}
	}
	for d, want := range map[time.Duration]int{0: 0, 1: 1, time.Second: 1, time.Second + 1: 2, 5 * time.Minute: 300} {
		if got := spending.WholeSeconds(d); got != want {
			t.Errorf("%v is %d seconds", d, got)
		}
	}
}

func TestWhatIsWaitedForGoesFirst(t *testing.T) {
	t.Parallel()
	p := open(t, spenders())
	for operation, want := range map[string]bool{
		"UpdateSecret": true, "DeleteSecret": true, "DeleteSecrets": true, "DeleteStore": true, "ListStores": true, "ListSecrets": true,
		"CreateStore": false, "CreateSecrets": false, "DuplicateSecret": false, "GetSecret": false, "Something": false,
	} {
		if got := p.UrgentOperation(t.Context(), operation); got != want {
			t.Errorf("%s: %v", operation, got)
		}
	}
	if p.UrgentOperation(scope.WithFresh(t.Context()), "ListSecrets") {
		t.Error("a listing that one caller wants anew goes first")
	}
}

func TestARequestIsCountedForWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	away := fault.New(fault.Unavailable, "UPSTREAM_UNAVAILABLE", "Away.")
	for name, test := range map[string]struct {
		end  upstream.Attempt
		want budget.Result
	}{
		"answered":           {fine(), budget.Result{Sent: true, Answered: true}},
		"answered with more": {upstream.Attempt{Status: 200, Limit: "l", Policy: "p"}, budget.Result{Sent: true, Answered: true, Limit: "l", Policy: "p"}},
		"without an answer":  {upstream.Attempt{Err: away}, budget.Result{Sent: true}},
		"never sent":         {upstream.Attempt{Unsent: true, Err: away}, budget.Result{}},
		"refused":            {throttledFor(time.Minute), budget.Result{Sent: true, Answered: true, Throttled: true, RetryAfter: time.Minute}},
	} {
		if got := spending.ResultOf(test.end); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestRefusalStopsAllCallsOfItsCredential(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		refusals []time.Duration
		told     time.Duration
		outside  bool
	}{
		"of the budget":              {[]time.Duration{5 * time.Minute}, 5 * time.Minute, true},
		"of the second":              {[]time.Duration{5 * time.Second}, 5 * time.Second, false},
		"of the second in the other": {[]time.Duration{5 * time.Minute, 5 * time.Second}, 5 * time.Minute, true},
		"that grows":                 {[]time.Duration{5 * time.Second, 5 * time.Minute}, 5 * time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, spenders())
			var ends []func(upstream.Attempt)
			for range test.refusals {
				done, err := p.Admit(t.Context(), read("main"))
				must(t, err)
				ends = append(ends, done)
			}
			for i, d := range test.refusals {
				ends[i](throttledFor(d))
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := p.Admit(ctx, read("test")); fault.From(err).Reason != "BUDGET_SPENT" {
				t.Errorf("the next call: %v", err)
			}
			p.call(t, "other", "", fine())
			one := p.Of("main")
			for what, left := range map[string]time.Duration{"told": one.Refused(), "blocked": time.Until(one.State().BlockedUntil)} {
				if left <= test.told-time.Second || left > test.told {
					t.Errorf("%s for %v, want %v", what, left, test.told)
				}
			}
			if got := one.State().Outside > 0; got != test.outside {
				t.Errorf("calls by others: %v, want %v", got, test.outside)
			}
			if p.Of("other").Refused() != 0 {
				t.Error("another credential is refused too")
			}
		})
	}
}

func TestATurnServesOneRequest(t *testing.T) {
	t.Parallel()
	p := open(t, spenders())
	turn, err := p.Acquire(t.Context(), "main", nil, budget.Ask{})
	must(t, err)
	ctx := change.With(t.Context(), &change.Attempt{Permit: turn})
	flying := func(want int) {
		t.Helper()
		if got := p.Of("main").State().InFlight; got != want {
			t.Errorf("%d calls are under way, want %d", got, want)
		}
	}
	first, err := p.Admit(ctx, read("main"))
	must(t, err)
	flying(1)
	second, err := p.Admit(ctx, read("main"))
	must(t, err)
	flying(2)
	first(fine())
	second(upstream.Attempt{Unsent: true})
	flying(0)
	if got := p.Of("main").State().Used; got != 1 {
		t.Errorf("%d turns are spent, want that of the request that was sent", got)
	}
}

func TestNothingLeavesBeforeItIsKnownWhatIsSpent(t *testing.T) {
	t.Parallel()
	p := budgets{spending.New(spenders())}
	defer p.Close()
	if _, err := p.Admit(t.Context(), read("main")); fault.From(err).Reason != "BUDGET_UNKNOWN" {
		t.Errorf("got %v", err)
	}
	if s := p.Of("main").State(); s.Used != 0 || s.InFlight != 0 {
		t.Errorf("it holds %+v", s)
	}
}

func TestStepsAreThoseOfChanges(t *testing.T) {
	t.Parallel()
	var steps []string
	c := spenders()
	c.Step = func(step string) { steps = append(steps, step) }
	p := open(t, c)
	p.call(t, "main", "", fine())
	done, err := p.Admit(t.Context(), upstream.Ask{Operation: "DeleteSecret", Account: "main", Changes: true})
	must(t, err)
	if !slices.Equal(steps, []string{"sent"}) {
		t.Errorf("before the answer there is %v", steps)
	}
	done(fine())
	if !slices.Equal(steps, []string{"sent", "executed"}) {
		t.Errorf("after it there is %v", steps)
	}
}

func TestWithoutPatienceASpentBudgetRefusesAtOnce(t *testing.T) {
	t.Parallel()
	c := spenders()
	c.Calls = 1
	p := open(t, c)
	p.call(t, "main", "", fine())
	if _, err := p.Admit(t.Context(), read("main")); fault.From(err).Reason != "BUDGET_SPENT" {
		t.Errorf("got %v", err)
	}
}
