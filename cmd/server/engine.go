package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/batch"
	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/byname"
	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/identity"
	"platform.internal/storekeeper/internal/live"
	"platform.internal/storekeeper/internal/names"
	"platform.internal/storekeeper/internal/pagination"
	"platform.internal/storekeeper/internal/quota"
	"platform.internal/storekeeper/internal/reconcile"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/server"
	"platform.internal/storekeeper/internal/service"
	"platform.internal/storekeeper/internal/spending"
	"platform.internal/storekeeper/internal/telemetry"
	"platform.internal/storekeeper/internal/upstream"
)

const (
	// tripAfter is after how many failures in a row an account is left alone.
	tripAfter = 10
	// settleTime limits how long a caller waits for the reconciling of its
	// change. Afterwards the caller gets a fault, and reconciling continues.
	settleTime = 12 * time.Second
	// closeTimeout is how long a stop waits for the changes that run.
	closeTimeout = 5 * time.Second
)

// engine is all that stands between the services and Cloudflare.
type engine struct {
	cloudflare *upstream.Client
	budgets    *spending.Budgets
	state      *state
	keeper     *idempotency.Coordinator
	reconciler *reconcile.Reconciler
	listings   *cache.Listings
	merged     *batch.Batcher
	// reads answers the services, from the cache first.
	reads *cache.Client
	// steps are what each change goes through.
	steps change.Changer
	// quotas counts what tenants have, and limits is what they may have.
	quotas *quota.Counter
	limits *quota.Table
	// names resolves identifiers to names.
	names   *names.Resolver
	service *service.Service
	// identity answers the identity endpoints of Cloudflare's clients.
	identity *identity.Service
	// reload keeps the configuration up to date.
	reload *live.Reloader
	// byName is the service of secrets by name. serve sets byName.
	byName *byname.Service
	log    *zap.Logger
	// count counts events of changes.
	count func(event string)
	// rights finds the objects of intents of earlier processes.
	rights server.Rights
	// durable limits the durable bytes of each tenant's changes.
	durable *server.Durable
	// reported has the inputs of SelfService and OperatorService.
	reported reported
	// current is the configuration in force.
	current atomic.Pointer[config.Config]
	// replica names this life of the process among all that share the state.
	replica string
}

// newEngine opens the state and connects the parts: service, cache, reconcile,
// batch, upstream. Each request of upstream waits for a permit of the budget.
func newEngine(ctx context.Context, s settings, log *zap.Logger, metrics *telemetry.Metrics) (*engine, error) {
	c := s.config
	e := &engine{log: log, replica: telemetry.NewRequestID()}
	watching := observer{log: log, metrics: metrics}
	s.committed, s.synced, s.waited = watching.commit, metrics.ObserveSync, watching.waited
	s.lived = hasRecords(c.Audit) // Before the store writes to it.
	kept, err := openState(ctx, s, log)
	if err != nil {
		return nil, err
	}
	e.state = kept
	e.budgets = newBudgets(s, e)
	if kept.fresh && s.lived {
		log.Warn("a new state begins, and the audit trail holds records: earlier changes are forgotten, and a repeat of one is made again (docs/state.md)")
	}
	e.budgets.Open(ctx)
	hooks := watching.hooks(s.timeout)
	hooks.Admit, hooks.Leave, hooks.Trip, hooks.Files = e.budgets.Admit, e.mayLeave, tripAfter, s.files.Watcher
	if e.cloudflare, err = newUpstream(c, s.token, hooks); err != nil {
		return nil, errors.Join(err, e.Close(ctx))
	}
	if err := e.connect(s, metrics); err != nil {
		return nil, errors.Join(err, e.Close(ctx))
	}
	if err := e.remember(s, metrics); err != nil {
		return nil, errors.Join(err, e.Close(ctx))
	}
	return e, nil
}

// mostKept bounds the memory of a list that is kept near.
const mostKept = 20_000

// longestList returns the largest list that is cached, in items: reading the
// list once per reads.max_staleness, with a call for each page, uses at most
// two fifths of the budget.
func longestList(c *config.Config) int {
	b := c.Budget
	if b.Window <= 0 {
		return 0
	}
	calls := float64(b.Calls) * c.Reads.MaxStaleness.Seconds() / b.Window.Seconds() * 2 / 5
	return int(min(calls*pagination.MostPerPage, mostKept))
}

// connect puts the parts in front of each other.
func (e *engine) connect(s settings, metrics *telemetry.Metrics) error {
	c := s.config
	near := cache.Config{Reader: e.cloudflare, MaxStaleness: c.Reads.MaxStaleness, MaxAge: c.Reads.MaxOutageAge, MostItems: longestList(c)}
	if e.state.shared != nil {
		near.Log = eventLog{e.state}
	}
	listings, err := cache.New(near)
	if err != nil {
		return err
	}
	e.listings = listings
	e.merged = batch.New(batch.Config{
		Acquire: func(ctx context.Context, a *change.Attempt, ask budget.Ask) (*budget.Permit, error) {
			return e.budgets.Acquire(ctx, a.Op.Account, a, ask)
		},
		Listings: listings, Ahead: e.cloudflare.Ahead, Attempt: attemptTime(s), Holds: listings.HoldsSecret, Observe: metrics.ObserveBatch,
	})
	settling := reconcile.Config{
		Listings: listings, Attempt: c.Budget.MaxWait + attemptTime(s), Ahead: e.cloudflare.Ahead,
		Within:  min(settleTime, 2*attemptTime(s)),
		Observe: func(ev reconcile.Report) { e.count("settled_" + string(ev.Outcome)) },
	}
	if e.state.shared != nil {
		settling.Owners = reconcile.SharedOwners(e.state)
	}
	e.reconciler = reconcile.New(settling)
	e.steps = change.Steps{Publish: listings.Apply, Reconcile: e.reconciler.Apply, Batch: e.merged.Apply, Send: change.Send(e.cloudflare)}.Compose()
	e.limits = quota.NewTable(quotaRules(c), e.cloudflare.Accounts())
	e.reads = listings.Client(e.cloudflare)
	e.quotas = quota.New(quota.Config{
		Accounts: e.cloudflare.Accounts(), Store: e.state, Listings: listings,
		Limits: e.limits.Limit, Limited: e.limits.Limited,
		Quota: func(ctx context.Context, account string) (upstream.Answer[upstream.Quota], error) {
			return e.reads.Quota(scope.WithFresh(ctx), account)
		},
	})
	e.service = service.New(e.reads, e.steps.Do, e.ownQuota)
	e.identity = identity.NewService(accountsOf(c))
	e.names, err = names.New(e.reads, listings.Finder())
	return err
}

// attemptTime returns the time limit of one request to Cloudflare.
func attemptTime(s settings) time.Duration {
	if s.timeout > 0 {
		return s.timeout
	}
	return 30 * time.Second
}

// remember creates the coordinator of idempotency.
func (e *engine) remember(s settings, metrics *telemetry.Metrics) error {
	var err error
	if e.durable, err = newDurable(s.config.Idempotency, metrics); err != nil {
		return err
	}
	if e.count, err = metrics.WatchChanges(e.open, eventLate); err != nil {
		return err
	}
	if err := errors.Join(metrics.WatchBudget(e.budgets.States), e.state.watch(metrics), metrics.WatchQuotas(e.quotaStates)); err != nil {
		return err
	}
	e.keeper, err = idempotency.New(idempotency.Config{
		Store: e.state, Release: e.release, Found: e.found, Replica: e.replica, Alone: e.state.shared == nil, Pepper: e.state.key,
		// A replica that says nothing for this long is taken for gone.
		Lease: 10 * time.Second,
		// Long enough to send, to find out, and to send again.
		Limit:     3 * attemptTime(s),
		Patience:  s.config.Idempotency.Wait,
		Retention: s.config.Idempotency.Retention, Recover: server.Recovery{Inspect: e.steps.Inspect, Response: service.Response}.Recover,
		Observe: func(ev idempotency.Event) {
			e.count(string(ev.Kind))
			e.tell(ev)
		},
		Kept:   e.listings.Announce,
		Waited: func(ctx context.Context, took time.Duration) { telemetry.CallFrom(ctx).AddWait(took) },
		Step:   func(_ context.Context, at idempotency.Step) { s.at(string(at)) },
	})
	return err
}

// open is how many intents have no outcome yet.
func (e *engine) open() int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	n, err := e.keeper.Open(ctx)
	if err != nil {
		return -1
	}
	return n
}

// begin starts the recovery of changes that earlier processes left open, and gives
// the chain what its steps need of the engine.
func (e *engine) begin(ctx context.Context, chain *server.Chain) {
	e.rights = chain.Rights
	e.keeper.Start(ctx)
	chain.Idempotency, chain.Share, chain.Denials = e.once(), e.budgets.Share, e.state.trail
}

// once returns the idempotency of the chain.
func (e *engine) once() server.Idempotency {
	return server.Idempotency{
		Coordinator: e.keeper, Before: e.before, Admit: e.affordable, Durable: e.durable,
		Reserve: e.reserve,
	}
}

// Close ends everything, changes that run after a while.
func (e *engine) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	var errs []error
	// Calls that wait for a permit end at once, known to be unsent.
	e.budgets.Close()
	if e.keeper != nil {
		errs = append(errs, e.keeper.Close(ctx))
	}
	if e.merged != nil {
		e.merged.Close()
	}
	errs = append(errs, e.budgets.Flush(ctx))
	if e.listings != nil {
		e.listings.Close()
	}
	if e.cloudflare != nil {
		e.cloudflare.Close()
	}
	return errors.Join(append(errs, e.state.Close())...)
}

// closeEngine closes the engine. The next start recovers open changes.
func closeEngine(ctx context.Context, e *engine, log *zap.Logger) {
	if err := e.Close(ctx); err != nil {
		log.Error("closing the state", zap.Error(err))
	}
}
