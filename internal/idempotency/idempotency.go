// Package idempotency makes a change at most once for each key, across retries, replicas and crashes.
//
// It commits the intent before a change is sent, and the answer before the caller gets the answer. If the
// owner of an open intent is gone, recovery finds the intent and determines the outcome.
//
// This package must not know protocols, the meaning of changes, or Cloudflare's API. It stores keyed digests
// of keys and requests. It never stores a key or a secret value.
package idempotency

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
)

const (
	minPepper          = 32
	minRetention       = 24 * time.Hour
	defaultRetry       = 2 * time.Minute
	defaultLease       = 20 * time.Second
	defaultLimit       = 90 * time.Second
	defaultSettle      = 2 * time.Second
	defaultPatience    = 15 * time.Second
	recordPatience     = 5 * time.Second
	closePatience      = time.Second
	inProgressPause    = 5 * time.Second
	shutDownPause      = time.Second
	heartbeatsPerLease = 4
	// lazyPart divides the lease: a heartbeat may wait this fraction of the lease to share the commit of
	// another write.
	lazyPart = 10
	// mostIntent is the maximum size in bytes of Op and Baseline together.
	mostIntent = 4 << 20
)

// Config configures a Coordinator. Durations of 0 take their defaults.
type Config struct {
	// Store holds intents, answers and their audit records. Close does not close the Store.
	Store store.Store
	// Replica is the name of this process. It must be unique, also across restarts.
	Replica string
	// Alone says that no other process uses the store. Intents of other owners are then orphans at once.
	Alone bool
	// Pepper is the key of the digests, at least 32 bytes. A new pepper makes all earlier idempotency keys
	// unknown.
	Pepper []byte
	// Retention is the time for which the answer to a key is kept, at least 24 h. The default is 24 h.
	Retention time.Duration
	// RetryWindow is the time for which the answer to a call without a key is kept for retries. The default
	// is 2 min.
	RetryWindow time.Duration
	// Lease is the time after the last heartbeat after which other replicas may take over the intents of this
	// replica. The default is 20 s.
	Lease time.Duration
	// Limit is the maximum duration of one operation. The default is 90 s.
	Limit time.Duration
	// Patience is the maximum time that a call waits for other changes of the same objects, for the same
	// change of an earlier call, and for the commit of an outcome. Then the call gets a fault with the reason
	// CHANGE_IN_PROGRESS or STATE_UNAVAILABLE. The default is 15 s.
	Patience time.Duration
	// Settle is the time after the end of an owner during which its change may still take effect. The
	// Coordinator accepts change.ErrNotDone and change.ErrUnproven only after this time. The default is 2 s.
	Settle time.Duration
	// Recover determines the outcome of a change without an owner. It returns the answer, a definite fault
	// (see Coordinator.Do), change.ErrNotDone or change.ErrUnproven. After any other error the Coordinator
	// calls Recover again. Calls run in parallel.
	Recover func(ctx context.Context, op *Operation) (answer []byte, err error)
	// Release returns the Release of a change whose intent was read from the store. reserved is the Note of
	// the Reservation. It is called before each commit of an outcome and may read the store. Nil: nothing is
	// released.
	Release func(ctx context.Context, reserved []byte, e Ended) (Release, error)
	// Found returns the audit record of an outcome that recovery determined, from the answer or error of Recover.
	// Nil: there is no audit record.
	Found func(i Intent, answer []byte, err error) audit.Record
	// Kept is called after the commit of an outcome and before a caller gets the answer. It may be nil.
	Kept func(ctx context.Context)
	// Observe receives events for logs and metrics. It must not block. It may be nil.
	Observe func(Event)
	// Waited receives the time that a call waited for other changes of its objects, or for the same change of
	// an earlier call. ctx has the values of the caller. Waited may be nil.
	Waited func(ctx context.Context, took time.Duration)
	// Step is called at each step of a change. Tests stop the process there. It may be nil.
	Step func(ctx context.Context, step Step)
}

// Step is a point in the execution of a change.
type Step string

// The steps of a change in this package, in order.
const (
	// StepIntent is before the commit of the intent.
	StepIntent Step = "intent"
	// StepIntended is after the commit of the intent.
	StepIntended Step = "intended"
	// StepOutcome is before the commit of the outcome.
	StepOutcome Step = "outcome"
	// StepRecorded is after the commit of the outcome, before the reply.
	StepRecorded Step = "recorded"
)

// Coordinator makes each change at most once. It is safe for concurrent use.
type Coordinator struct {
	config Config
	digest digester
	locks  *locks
	lease  *lease
	limits limits
	// life ends when all work must stop.
	life context.Context //nolint:containedctx // the life of the Coordinator is not that of a call
	stop context.CancelFunc

	mu sync.Mutex
	// flights holds the flights that calls can join.
	flights map[flightKey]*flight
	// running holds the intents that flights of this process own. The value is nil until run is called.
	running map[string]*Intent
	closing bool

	forgotten forgotten

	// unrecorded is the number of outcomes that could not be committed yet.
	unrecorded atomic.Int64

	orphans *orphans
	workers *workers
	// inFlight counts flights, and behind the background goroutines.
	inFlight sync.WaitGroup
	behind   sync.WaitGroup

	start, close sync.Once
	closed       error
}

// New makes a Coordinator. Start begins the background work, and Close ends it.
func New(c Config) (*Coordinator, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	life, stop := context.WithCancel(context.Background())
	k := &Coordinator{
		config:  c,
		digest:  newDigester(c.Pepper),
		locks:   newLocks(),
		lease:   newLease(c),
		limits:  limits{life: life, limit: c.Limit},
		life:    life,
		stop:    stop,
		flights: make(map[flightKey]*flight),
		running: make(map[string]*Intent),
		orphans: newOrphans(),
	}
	k.workers = newWorkers(life, k.runFlight)
	return k, nil
}

// complete sets the defaults and validates c.
func (c *Config) complete() error {
	for _, d := range []struct {
		set  *time.Duration
		want time.Duration
	}{
		{&c.Retention, minRetention},
		{&c.RetryWindow, defaultRetry},
		{&c.Lease, defaultLease},
		{&c.Limit, defaultLimit},
		{&c.Settle, defaultSettle},
		{&c.Patience, defaultPatience},
	} {
		if *d.set < 0 {
			return errors.New("a duration of an idempotency keeper must not be below 0")
		}
		if *d.set == 0 {
			*d.set = d.want
		}
	}
	switch {
	case c.Store == nil:
		return errors.New("an idempotency keeper needs a store")
	case c.Replica == "":
		return errors.New("an idempotency keeper needs the name of its replica")
	case len(c.Pepper) < minPepper:
		return errors.New("the pepper of an idempotency keeper must have at least 32 bytes")
	case c.Retention < minRetention:
		return errors.New("answers must be kept for at least 24 h")
	case c.Recover == nil:
		return errors.New("an idempotency keeper needs to be told how to recover")
	}
	return nil
}

// Unrecorded returns the number of changes that have ended but whose outcome could not be committed yet.
func (k *Coordinator) Unrecorded() int { return int(k.unrecorded.Load()) }

func (k *Coordinator) kept(ctx context.Context) {
	if k.config.Kept != nil {
		k.config.Kept(ctx)
	}
}

// waited reports a wait that began at the given time.
func (k *Coordinator) waited(ctx context.Context, began time.Time) {
	if k.config.Waited != nil {
		k.config.Waited(ctx, time.Since(began))
	}
}

func (k *Coordinator) step(ctx context.Context, s Step) {
	if k.config.Step != nil {
		k.config.Step(ctx, s)
	}
}
