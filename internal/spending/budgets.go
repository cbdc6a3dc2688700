// Package spending manages the call budgets of all platform credentials. It finds the budget of an account,
// admits each request to Cloudflare, and checkpoints usage, so that a restart does not spend the budget
// again.
//
// This package must not know what a request contains, or how a budget is shared between tenants. The latter
// is the job of the scheduler in package budget.
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

// Account is a Cloudflare account and the credential of its calls.
type Account struct {
	ID, Name string
	// Source names the files of the credential. Accounts with the same Source share one budget. "" means that
	// no other account uses the credential.
	Source string
}

// Config describes the budgets.
type Config struct {
	Accounts []Account
	// Calls, Window, PerSecond and MaxWait are those of budget.Config and apply to each credential. A MaxWait
	// of 0 refuses calls that would have to wait.
	Calls     int
	Window    time.Duration
	PerSecond int
	MaxWait   time.Duration
	// Weights are the initial weights of tenants, by id. The default weight is 1. SetWeights replaces them.
	Weights map[string]float64
	// Late is called for a change whose request ended after this process had lost the lease of the change.
	// Another replica may have changed the same object in the meantime. Late may be nil.
	Late func(a *change.Attempt, at upstream.Attempt)
	// Step is called with "sent" before a change is sent, and with "executed" after its answer arrives. It
	// may be nil.
	Step func(step string)
	// Waited is called after each wait for a permit. It may be nil.
	Waited func(ctx context.Context, w Wait)
	// Log receives messages for operators.
	Log *zap.Logger
	// Store keeps the usage checkpoints.
	Store store.Store
	// Shared says that other replicas use the same store. If it is false, all earlier processes with the
	// store are gone.
	Shared bool
	// Lived says that the audit trail shows an earlier process. If that process left no checkpoint, the whole
	// budget counts as spent for one window.
	Lived bool
}

// Wait describes a wait for a permit that has ended.
type Wait struct {
	// Credential is the name of the budget: the names of its accounts.
	Credential string
	// Tenant is the tenant that waited. "" is the service itself.
	Tenant string
	// Took is the duration of the wait.
	Took time.Duration
	// Err is the error of Acquire, nil if the permit was granted.
	Err error
}

// Budgets holds the call budgets of all platform credentials. It is safe for concurrent use.
type Budgets struct {
	cfg Config
	// byAccount finds the budget by the identifier and by the name of an account.
	byAccount map[string]*Credential
	list      []*Credential

	// every is the period of the rounds while calls wait.
	every time.Duration
	// margin is the time beyond the window for which a slot counts as spent if the arrival time of its call
	// is unknown. straggle is the time for which requests of a lost replica may still be in flight: the
	// replica may have been paused between the check of its lease and the send. skew is the maximum clock
	// difference between replicas.
	margin, straggle, skew time.Duration

	lease lease
	// wake triggers a round.
	wake chan struct{}
	// weights are the current weights of tenants.
	weights atomic.Pointer[map[string]float64]
	// failure is the error of the last round, nil if it succeeded.
	failure atomic.Pointer[error]

	// replicas are the replicas as of the last round.
	replicas atomic.Pointer[[]Replica]

	// owner is a random name of this process.
	owner string

	// turn is held during a round. It guards the fields below.
	turn sync.Mutex
	// lived says that an earlier session exists, of this process or another.
	lived bool
	// number is the number of the own session, 0 if there is none. beat counts its renewals. The last renewal
	// began at renewed and published told. joined says that the session record was written.
	number, beat int64
	joined       bool
	renewed      time.Time
	told         map[string]demand
	// peers are the other replicas, as read at scanned. The last full scan was at searched. last was the
	// number of the newest session at the last renewal.
	peers             map[int64]*peer
	scanned, searched time.Time
	last              string
	woken             bool
	// next is the index of the first budget of the next round.
	next int
}

// Credential is the budget of one platform credential.
type Credential struct {
	*budget.Scheduler

	// name joins the names of the accounts that share the credential.
	name  string
	usage *checkpoint
	// partition is guarded by the lock of usage.
	partition partition
	// short is the number of missing slots, and waiting the smoothed number of waiting calls by tenant. Both
	// are guarded by Budgets.turn.
	short   int
	waiting map[string]float64
	// refused is the time until which Cloudflare refuses calls, as told to this process, in nanoseconds since
	// 1970.
	refused atomic.Int64
}

// New makes one budget for each credential. No call is admitted before Open. Close ends it.
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

// limits returns the configuration of each scheduler.
func (b *Budgets) limits() budget.Config {
	return budget.Config{
		Calls: b.cfg.Calls, Window: b.cfg.Window, PerSecond: b.cfg.PerSecond,
		// A scheduler takes 0 as no limit.
		MaxWait: max(b.cfg.MaxWait, 1), Partitioned: true, Growth: 3 * b.every,
		Weight: b.weight,
	}
}

// SetWeights replaces the weights of tenants, by their ids, with immediate effect. The caller must not modify
// the map afterwards.
func (b *Budgets) SetWeights(weights map[string]float64) {
	b.weights.Store(&weights)
	for _, one := range b.list {
		one.Reweigh()
	}
}

func (b *Budgets) weight(tenant string) float64 { return max(1, (*b.weights.Load())[tenant]) }

// Close ends all waits for permits.
func (b *Budgets) Close() {
	for _, one := range b.list {
		one.Scheduler.Close()
	}
}

// Refused returns the time for which Cloudflare still refuses calls.
func (c *Credential) Refused() time.Duration {
	return max(0, time.Until(time.Unix(0, c.refused.Load())))
}

// refusedUntil extends the refusal to the given time. An earlier time has no effect.
func (c *Credential) refusedUntil(until int64) {
	for known := c.refused.Load(); known < until && !c.refused.CompareAndSwap(known, until); {
		known = c.refused.Load()
	}
}
