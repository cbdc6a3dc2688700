package main

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/mirror"
	"platform.internal/storekeeper/internal/quota"
	"platform.internal/storekeeper/internal/settle"
	"platform.internal/storekeeper/internal/telemetry"
	"platform.internal/storekeeper/internal/tenant"
	"platform.internal/storekeeper/internal/upstream"
)

// briefly is the part of a window below which a refusal is not about the budget.
const briefly = 10

// purses are the call budgets of the platform's credentials.
type purses struct {
	// byAccount finds the budget by identifier and by name of an account.
	byAccount map[string]purse
	list      []purse
	window    time.Duration
	// step is told when a change is about to leave and when its answer is in.
	step func(string)
	// late is told of a change whose request has ended after the lease of the
	// change, so that another replica may have changed the same object meanwhile.
	late func(context.Context, upstream.Attempt)
	// ours says why a change must not be sent any more.
	ours func(context.Context) error
}

// purse is the budget of one credential.
type purse struct {
	*budget.Scheduler

	// name is made of the names of the accounts that share the credential.
	name string
	// book is what the next life of the process has to know of it.
	book *passbook
	// refused is until when Cloudflare said, to this process itself, that it
	// takes no calls, as nanoseconds since 1970.
	refused *atomic.Int64
}

// Refused is for how long Cloudflare said that it takes no calls.
func (p purse) Refused() time.Duration {
	return max(0, time.Until(time.Unix(0, p.refused.Load())))
}

// refusedUntil keeps until when Cloudflare takes no calls. What it said for longer holds.
func (p purse) refusedUntil(until int64) {
	for told := p.refused.Load(); told < until && !p.refused.CompareAndSwap(told, until); {
		told = p.refused.Load()
	}
}

// newPurses makes one budget for each credential. Accounts whose credential
// comes from the same file share one.
func newPurses(c *config.Config, step func(string)) *purses {
	p := &purses{byAccount: map[string]purse{}, step: step, ours: stillOurs, window: c.Budget.Window}
	weights := map[string]float64{}
	for _, w := range c.Budget.Weights {
		weights[w.Tenant] = float64(w.Weight)
	}
	bySource := map[string]int{}
	for _, a := range c.Accounts {
		at, known := bySource[sourceOf(a)]
		if !known {
			at = len(p.list)
			bySource[sourceOf(a)] = at
			p.list = append(p.list, purse{refused: &atomic.Int64{}, Scheduler: budget.New(budget.Config{
				Calls: c.Budget.Calls, Window: c.Budget.Window, PerSecond: c.Budget.PerSecond,
				// To the scheduler, 0 is no bound.
				MaxWait:  max(c.Budget.MaxWait, 1),
				Replicas: c.Budget.Replicas, Weight: func(tenant string) float64 { return max(1, weights[tenant]) },
			})})
		}
		one := &p.list[at]
		one.name = strings.TrimPrefix(one.name+"+"+a.Name, "+")
	}
	for i, one := range p.list {
		p.list[i].book = newPassbook(one.name)
	}
	for _, a := range c.Accounts {
		one := p.list[bySource[sourceOf(a)]]
		p.byAccount[a.ID], p.byAccount[a.Name] = one, one
	}
	return p
}

// sourceOf tells the credentials of accounts apart.
func sourceOf(a config.Account) string {
	if a.Credential == (config.Credential{}) {
		return a.ID
	}
	return a.Credential.APITokenFile + "\x00" + a.Credential.APIKeyFile
}

// Close ends the waiting of all calls.
func (p *purses) Close() {
	for _, one := range p.list {
		one.Close()
	}
}

// remember learns what earlier lives of the process spent, and writes down from
// now on what this one spends. It runs until ctx ends.
func (p *purses) remember(ctx context.Context, e *engine, c config.Budget) {
	var all sync.WaitGroup
	for _, one := range p.list {
		all.Go(func() { one.book.keep(ctx, e, one, c) })
	}
	all.Wait()
}

// admit lets a request to Cloudflare wait for its turn.
func (p *purses) admit(ctx context.Context, a upstream.Ask) (func(upstream.Attempt), error) {
	turn := budget.From(ctx)
	if turn == nil || !turn.Take() {
		var err error
		if turn, err = p.acquire(ctx, a.Account, budget.Ask{Urgent: cannotWait(ctx, a.Operation)}); err != nil {
			return nil, err
		}
	}
	if err := p.fit(ctx, a); err != nil {
		turn.Done(budget.Result{})
		return nil, err
	}
	p.tell("sent", a)
	return func(at upstream.Attempt) {
		r := resultOf(at)
		p.heed(ctx, a.Account, &r)
		turn.Done(r)
		if a.Changes && !at.Unsent {
			p.tellLate(ctx, at)
		}
		p.tell("executed", a)
	}, nil
}

// tellLate tells of each change of a request that has ended after the lease of
// the change. A change that the stop of this process cut off is none of them: the
// stop ended the lease, and the next life finds out what became of the change.
func (p *purses) tellLate(ctx context.Context, at upstream.Attempt) {
	if p.late == nil {
		return
	}
	for _, change := range upstream.ChangesOf(ctx) {
		if p.ours(change) != nil && !errors.Is(change.Err(), context.Canceled) {
			p.late(change, at)
		}
	}
}

// fit says why a request must not leave although it is its turn.
func (p *purses) fit(ctx context.Context, a upstream.Ask) error {
	if err := p.byAccount[a.Account].book.note(ctx); err != nil || !a.Changes {
		return err
	}
	// It comes last, since the other wait. It is asked again when the request has
	// its connection.
	return p.ours(ctx)
}

// heed keeps a refusal for those who must know of it. A short one is about calls
// a second, or comes from something before the API: it stops calls too, and says
// nothing of who else spends the budget.
func (p *purses) heed(ctx context.Context, account string, r *budget.Result) {
	if !r.Throttled {
		return
	}
	one := p.byAccount[account]
	one.refusedUntil(time.Now().Add(r.RetryAfter).UnixNano())
	one.book.keepRefusal(ctx)
	if r.RetryAfter < p.window/briefly {
		one.Block(r.RetryAfter)
		r.Throttled = false
	}
}

func (p *purses) tell(step string, a upstream.Ask) {
	if p.step != nil && a.Changes {
		p.step(step)
	}
}

// acquire waits for a turn that the tenant of the call pays for.
func (p *purses) acquire(ctx context.Context, account string, ask budget.Ask) (*budget.Turn, error) {
	one, known := p.byAccount[account]
	if !known {
		return nil, fault.New(fault.Internal, "INTERNAL", "The account has no call budget.")
	}
	ask.Tenant, ask.Urgent = tenant.From(ctx), ask.Urgent || settle.Urgent(ctx)
	return one.Acquire(ctx, ask)
}

// check says whether a call would be refused now.
func (p *purses) check(ctx context.Context, account string, urgent bool) error {
	one, known := p.byAccount[account]
	if !known {
		return nil
	}
	return one.Check(ctx, budget.Ask{Tenant: tenant.From(ctx), Urgent: urgent})
}

// cannotWait says which calls pass the bursts of others: a changed or deleted
// value is what people wait for in an emergency, and listings stand before both
// and serve everybody. A read for one caller alone is not among them.
func cannotWait(ctx context.Context, operation string) bool {
	switch operation {
	case "UpdateSecret", "DeleteSecret", "DeleteSecrets", "DeleteStore", "VerifyToken":
		return true
	case "ListStores", "ListSecrets":
		return !mirror.Bypassed(ctx)
	default:
		return false
	}
}

// resultOf says what an attempt means for the budget.
func resultOf(a upstream.Attempt) budget.Result {
	r := budget.Result{Sent: !a.Unsent, Answered: a.Status != 0, Limit: a.Limit, Policy: a.Policy}
	if a.Err != nil {
		if f := fault.From(a.Err); f.Kind == fault.Throttled {
			r.Throttled, r.RetryAfter = true, f.RetryAfter
		}
	}
	return r
}

// share says what is left to a tenant, in the form of Cloudflare's own headers.
func (p *purses) share(account, payer string) (limit, policy string) {
	one, known := p.byAccount[account]
	if !known {
		return "", ""
	}
	s := one.Share(payer)
	return field("r", s.Remaining, "t", wholeSeconds(s.Reset)), field("q", s.Quota, "w", wholeSeconds(s.Window))
}

// field writes a value of the headers Ratelimit and Ratelimit-Policy.
func field(name string, n int, other string, m int) string {
	return `"default";` + name + "=" + strconv.Itoa(n) + ";" + other + "=" + strconv.Itoa(m)
}

// wholeSeconds rounds up, so that nobody comes back too early.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// states shows the budgets to whoever watches.
func (p *purses) states() []telemetry.BudgetState {
	states := make([]telemetry.BudgetState, 0, len(p.list))
	for _, one := range p.list {
		s := one.State()
		states = append(states, telemetry.BudgetState{
			Credential: one.name, Limit: s.Limit, Used: s.Used, Waiting: s.Waiting, Outside: s.Outside,
			Blocked: max(0, time.Until(s.BlockedUntil).Seconds()), Tenants: s.Tenants,
		})
	}
	return states
}

// quotasOf makes the table of what tenants may have.
func quotasOf(c *config.Config, accounts []upstream.AccountInfo) *quota.Table {
	rules := make([]quota.Rule, len(c.Quotas))
	for i, q := range c.Quotas {
		rules[i] = quota.Rule{Tenant: q.Tenant, ID: q.ID, Account: q.Account, Limit: quota.Limit{Stores: q.Stores, Secrets: q.Secrets}}
	}
	return quota.NewTable(rules, accounts)
}
