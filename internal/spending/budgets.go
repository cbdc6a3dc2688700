// Package spending keeps the call budgets of all platform credentials: it finds
// the budget of an account, admits each request to Cloudflare, and checkpoints
// what was spent, so that a restart does not spend it again.
//
// It must not know what a request says, or how a budget is shared between
// tenants: the scheduler of package budget does that.
package spending

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/upstream"
)

// Account is an account of Cloudflare, and the credential that its calls use.
type Account struct {
	ID, Name string
	// Source names the files of the credential. Accounts with the same Source
	// share one budget. "" is a credential of this account alone.
	Source string
}

// Config describes the budgets.
type Config struct {
	Accounts []Account
	// Calls, Window, PerSecond and MaxWait are those of budget.Config, the same
	// for each credential. A MaxWait of 0 refuses at once.
	Calls     int
	Window    time.Duration
	PerSecond int
	MaxWait   time.Duration
	// Weights are the weights of tenants, by id; others have 1. SetWeights sets
	// others.
	Weights map[string]float64
	// Late is called for a change whose request has ended after this process had
	// lost the change: another replica may have changed the same object meanwhile.
	// Nil: nobody is told.
	Late func(a *change.Attempt, at upstream.Attempt)
	// Step is called with "sent" when a change is about to leave, and with
	// "executed" when its answer is in. Nil: nobody is told.
	Step func(step string)
	// Waited is called after each wait for a permit, with the names of the budget
	// and of the tenant. Nil: nobody is told.
	Waited func(ctx context.Context, w Wait)
	// Log gets what operators must know.
	Log *zap.Logger
	// Store keeps the usage checkpoints.
	Store store.Store
	// Shared says that other replicas use the same store. Else an earlier process
	// with the store is known to be gone.
	Shared bool
	// Lived says that there was an earlier life, as far as the audit trail shows.
	// If it left no checkpoint, the whole budget counts as spent for one window.
	Lived bool
}

// Wait describes a wait for a permit that has ended.
type Wait struct {
	// Credential is the name of the budget: the names of its accounts.
	Credential string
	// Tenant asked. "" is the service itself.
	Tenant string
	// Took is how long the wait took.
	Took time.Duration
	// Err is why there is no permit, nil if there is one.
	Err error
}

// Budgets are the call budgets of all platform credentials. It is safe for
// concurrent use.
type Budgets struct {
	cfg Config
	// byAccount finds the budget by identifier and by name of an account.
	byAccount map[string]*Credential
	list      []*Credential

	// every is how often a round is made where calls wait.
	every time.Duration
	// margin is how much longer than a window a slot counts where nobody knows when
	// its call arrived; straggle is for how much longer what a replica sent that was
	// lost may be on its way: the replica may have been stopped between the check of
	// its lease and the sending. skew is how far the clocks of replicas may be apart.
	margin, straggle, skew time.Duration

	lease lease
	// wake asks for a round now.
	wake chan struct{}
	// weights are the weights of tenants in force.
	weights atomic.Pointer[map[string]float64]
	// failure is why the last round failed.
	failure atomic.Pointer[error]

	// replicas are the replicas as of the last round.
	replicas atomic.Pointer[[]Replica]

	// owner is a random name of this life of the process.
	owner string

	// turn is held by who makes a round; it guards what follows.
	turn sync.Mutex
	// lived says that there was a session before, in this life or an earlier one.
	lived bool
	// number is that of the own session, 0 where there is none; beat counts its
	// renewals, the last of which began at renewed and told told. joined says that
	// its record was written.
	number, beat int64
	joined       bool
	renewed      time.Time
	told         map[string]demand
	// peers are the other replicas, as read at scanned. All were looked for at searched,
	// and last was the number of the last session when the lease was renewed.
	peers             map[int64]*peer
	scanned, searched time.Time
	last              string
	woken             bool
	// next is the index of the budget that the next round begins with.
	next int
}

// Credential is the budget of one platform credential.
type Credential struct {
	*budget.Scheduler

	// name consists of the names of the accounts that share the credential.
	name  string
	usage *checkpoint
	// partition is guarded by the lock of usage.
	partition partition
	// short is how many slots are missing, waiting what waits by tenant, smoothed.
	// The round of Budgets guards both.
	short   int
	waiting map[string]float64
	// refused is until when Cloudflare said, to this process itself, that it
	// takes no calls, in nanoseconds since 1970.
	refused atomic.Int64
}

// New makes one budget for each credential. Nothing can be spent before Open.
// Close ends it.
func New(c Config) *Budgets {
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	b := &Budgets{
		cfg: c, byAccount: map[string]*Credential{}, wake: make(chan struct{}, 1), peers: map[int64]*peer{},
		every: max(50*time.Millisecond, min(time.Second, c.Window/100)), owner: rand.Text(), lived: c.Lived,
	}
	b.weights.Store(&c.Weights)
	if b.lease.alone = !c.Shared; c.Shared {
		b.straggle, b.skew = min(c.Window, time.Minute), min(maxSkew, c.Window/30)
	}
	bySource := map[string]*Credential{}
	for _, a := range c.Accounts {
		source := a.Source
		if source == "" {
			source = "\x00" + a.ID
		}
		one := bySource[source]
		if one == nil {
			one = &Credential{Scheduler: budget.New(b.limits()), waiting: map[string]float64{}}
			bySource[source] = one
			b.list = append(b.list, one)
		}
		one.name = strings.TrimPrefix(one.name+"+"+a.Name, "+")
		b.byAccount[a.ID], b.byAccount[a.Name] = one, one
	}
	for _, one := range b.list {
		one.usage = &checkpoint{budgets: b, budget: one}
		b.margin = one.Margin()
	}
	return b
}

// limits is the configuration of each scheduler.
func (b *Budgets) limits() budget.Config {
	return budget.Config{
		Calls: b.cfg.Calls, Window: b.cfg.Window, PerSecond: b.cfg.PerSecond,
		// To the scheduler, 0 is no bound.
		MaxWait: max(b.cfg.MaxWait, 1), Partitioned: true, Growth: 3 * b.every,
		Weight: b.weight,
	}
}

// SetWeights replaces the weights of tenants, by their ids. Permits are given by
// them from then on. Nobody may change the map afterwards.
func (b *Budgets) SetWeights(weights map[string]float64) {
	b.weights.Store(&weights)
	for _, one := range b.list {
		one.Reweigh()
	}
}

func (b *Budgets) weight(tenant string) float64 { return max(1, (*b.weights.Load())[tenant]) }

// Close ends the waiting of all calls.
func (b *Budgets) Close() {
	for _, one := range b.list {
		one.Scheduler.Close()
	}
}

// Refused is for how long Cloudflare said that it takes no calls.
func (c *Credential) Refused() time.Duration {
	return max(0, time.Until(time.Unix(0, c.refused.Load())))
}

// refusedUntil keeps until when Cloudflare takes no calls. The later time holds.
func (c *Credential) refusedUntil(until int64) {
	for known := c.refused.Load(); known < until && !c.refused.CompareAndSwap(known, until); {
		known = c.refused.Load()
	}
}
