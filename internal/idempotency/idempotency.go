// Package idempotency makes a change happen once for each key, however often
// it is asked for, by whichever replica, and whatever ends in between.
//
// Before a change is sent its intent is kept durably, and its answer before
// the caller gets it. A change whose owner is gone is found again by its
// intent and its end is looked up.
//
// It must not know any protocol, what the changes do or how Cloudflare is
// asked. Neither keys nor values may reach the records: of both it keeps keyed
// digests only.
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
	// lazyPart is the part of a lease, as its divisor, for which a heartbeat may wait
	// for a commit of something else.
	lazyPart = 10
	// mostIntent is how many bytes an intent may have while its change is open.
	mostIntent = 4 << 20
)

// Config says how changes are kept. Durations of 0 take their defaults.
type Config struct {
	// Store keeps intents, answers and their audit records. It stays open after
	// Close.
	Store store.Store
	// Replica names this life of the process. No other life, of this process
	// or of another, may have had the name.
	Replica string
	// Alone says that no other process uses the records: intents of other
	// names are then orphans at once.
	Alone bool
	// Pepper keys the digests, at least 32 bytes. With another pepper no
	// earlier key is known.
	Pepper []byte
	// Retention is how long the answer to a key is kept, at least 24 h, the
	// default.
	Retention time.Duration
	// RetryWindow is how long the answer to a call without a key is kept for a
	// client's retry. The default is 2 min.
	RetryWindow time.Duration
	// Lease is how long a silent replica keeps its intents. The default is
	// 20 s.
	Lease time.Duration
	// Limit is how long one operation may run. The default is 90 s.
	Limit time.Duration
	// Patience is how long a call waits for other changes of its objects, for
	// the same change that an earlier call began, and for an outcome to be kept.
	// After that it gets a fault with the reason CHANGE_IN_PROGRESS or
	// STATE_UNAVAILABLE. The default is 15 s.
	Patience time.Duration
	// Settle is how long after its owner's end a change may still take effect.
	// change.ErrNotDone and change.ErrUnproven are believed only after it. The default is 2 s.
	Settle time.Duration
	// Recover finds out what became of a change whose owner is gone: its
	// answer, a definite fault (see Coordinator.Do) that is the answer, change.ErrNotDone or
	// change.ErrUnproven. After any other error it is asked again. Several run at once.
	Recover func(ctx context.Context, op *Operation) (answer []byte, err error)
	// Release returns what the end of a change gives back whose intent was read
	// from its record, from the Note of its Reservation. It is asked before each
	// commit of an outcome, and may read the store. Nil: there is nothing.
	Release func(ctx context.Context, reserved []byte, e Ended) (Release, error)
	// Found returns the audit record of the outcome of a change that Recover has
	// found: its answer, or what Recover returned. Nil: there is none.
	Found func(i Intent, answer []byte, err error) audit.Record
	// Kept is called after the outcome of a change was kept and before a caller
	// gets it. nil: nobody.
	Kept func(ctx context.Context)
	// Observe is told of what happens, for logs and metrics. It must not
	// block. nil: nobody.
	Observe func(Event)
	// Waited is told how long a call waited for other changes of its objects, or for
	// the same change that an earlier call began. ctx has the values of the caller.
	// nil: nobody.
	Waited func(ctx context.Context, took time.Duration)
	// Step is told at each step of a change. Tests stop the process there.
	// nil: nobody.
	Step func(ctx context.Context, step Step)
}

// Step is a point on the way of a change.
type Step string

// The steps of a change that this package sees, in their order.
const (
	// StepIntent is before the intent is kept.
	StepIntent Step = "intent"
	// StepIntended is after the intent was kept.
	StepIntended Step = "intended"
	// StepOutcome is before the outcome is kept.
	StepOutcome Step = "outcome"
	// StepRecorded is after the outcome was kept, before the reply.
	StepRecorded Step = "recorded"
)

// Coordinator makes changes once. It is safe for concurrent use.
type Coordinator struct {
	config Config
	digest digester
	locks  *locks
	lease  *lease
	// life ends when nothing may run any more.
	life context.Context //nolint:containedctx // the life of the Coordinator is not that of a call
	stop context.CancelFunc

	mu sync.Mutex
	// flights holds, by identity and fingerprint, the call that others can
	// join.
	flights map[string]*flight
	// running holds the intents that a flight of this life takes care of, nil until
	// the change is made.
	running map[string]*Intent
	closing bool

	forgotten forgotten

	// unrecorded is how many outcomes could not be kept yet.
	unrecorded atomic.Int64

	orphans *orphans
	crew    *workers
	// aloft counts the flights, behind what runs in the background.
	aloft  sync.WaitGroup
	behind sync.WaitGroup

	start, close sync.Once
	closed       error
}

// New makes a Coordinator. Start begins its background work, Close ends it.
func New(c Config) (*Coordinator, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	life, stop := context.WithCancel(context.Background())
	return &Coordinator{
		config:  c,
		digest:  newDigester(c.Pepper),
		locks:   newLocks(),
		lease:   newLease(c),
		life:    life,
		stop:    stop,
		flights: make(map[string]*flight),
		running: make(map[string]*Intent),
		orphans: newOrphans(),
		crew:    newCrew(life),
	}, nil
}

// complete fills in the defaults and refuses what cannot work.
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

// Unrecorded returns how many changes have ended whose outcome could not be kept
// yet.
func (k *Coordinator) Unrecorded() int { return int(k.unrecorded.Load()) }

func (k *Coordinator) kept(ctx context.Context) {
	if k.config.Kept != nil {
		k.config.Kept(ctx)
	}
}

// waited tells of a wait that began at a time.
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
