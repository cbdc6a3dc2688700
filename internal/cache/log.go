package cache

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/upstream"
)

// ChangeLog carries changes between replicas. A topic is an account. A ChangeLog is safe for
// concurrent use.
type ChangeLog interface {
	// Append adds an event. Every Since that begins after Append has returned includes the event.
	Append(ctx context.Context, topic string, event []byte) error
	// Since returns the events after a position, in order, and the new position. complete is false
	// if events may be missing: the log was trimmed or lost, or after is the zero LogPosition.
	Since(ctx context.Context, topic string, after LogPosition) (events [][]byte, now LogPosition, complete bool, err error)
}

// LogPosition is a position in a log. It is opaque to everyone but the log. The zero value is the
// position of a reader that has read nothing.
type LogPosition string

const (
	// logLimit is the timeout of a call to the log.
	logLimit = 500 * time.Millisecond
	// logPause is the pause after a failed call to the log.
	logPause = time.Second
	// largestEvent is the maximum size of an event in bytes. A larger event is replaced by a
	// request to read the list again.
	largestEvent = 64 << 10
)

// errLogAway reports that a call to the log failed within the last logPause.
var errLogAway = errors.New("cache: the log of changes cannot be reached")

// logEvent is a message from one replica to the others.
type logEvent struct {
	// ID begins with the origin: the cache that wrote the event.
	ID string `json:"id"`
	// Store is the store whose secrets changed. If empty, the account's list of stores changed.
	Store string `json:"store,omitempty"`
	// Stores and Secrets are new states of objects.
	Stores  []upstream.Store  `json:"stores,omitempty"`
	Secrets []upstream.Secret `json:"secrets,omitempty"`
	// Seen reports that a read saw these objects, possibly long ago. An object that the receiver
	// does not know may be deleted by now.
	Seen bool `json:"seen,omitempty"`
	// Deleted are identifiers of objects that Storekeeper deleted. Missing are identifiers that a
	// read did not find.
	Deleted []string `json:"deleted,omitempty"`
	Missing []string `json:"missing,omitempty"`
	// Doubt asks the receiver to read the list again, unless the digest of its entries equals
	// Digest.
	Doubt  bool   `json:"doubt,omitempty"`
	Digest string `json:"digest,omitempty"`
	// Payer is the tenant that pays for that reading. If empty, the reader that needs the reading
	// pays.
	Payer string `json:"payer,omitempty"`
}

func (e logEvent) empty() bool {
	return len(e.Stores)+len(e.Secrets)+len(e.Deleted)+len(e.Missing) == 0 && !e.Doubt
}

// logCursor is the position of an account in the log.
type logCursor struct {
	origin   string
	position LogPosition
	rounds   freshFlights
	failed   time.Time
	// mine holds own events that are not applied yet. The writer or a read that finds the event in
	// the log applies the event, whichever comes first.
	mine map[string]func()
	// outbox is the outbox: the lists with changes that could not be published.
	outbox map[string]bool
}

func newLogCursor() logCursor {
	return logCursor{origin: rand.Text(), mine: map[string]func(){}, outbox: map[string]bool{}}
}

// follow applies all new events of the log. It fails if the log cannot be read. Concurrent callers
// share a flight.
func (a *accountListings) follow(ctx context.Context) error {
	if a.listings.config.Log == nil {
		return nil
	}
	a.mu.Lock()
	paused := a.pausing()
	a.mu.Unlock()
	if paused {
		return errLogAway
	}
	return a.cursor.rounds.join(ctx, func(done func(error)) {
		a.listings.background(ctx, logLimit, func(ctx context.Context) { done(a.catchUp(ctx)) })
	})
}

func (a *accountListings) pausing() bool {
	return !a.cursor.failed.IsZero() && a.clock().Sub(a.cursor.failed) < logPause
}

// catchUp reads the log once. freshFlights ensures that only one catchUp runs.
func (a *accountListings) catchUp(ctx context.Context) error {
	a.mu.Lock()
	after := a.cursor.position
	a.mu.Unlock()
	events, now, complete, err := a.listings.config.Log.Since(ctx, a.id, after)
	a.mu.Lock()
	if err != nil {
		a.cursor.failed = a.clock()
		a.mu.Unlock()
		return fmt.Errorf("%w: %w", errLogAway, err)
	}
	for _, text := range events {
		complete = a.applyText(text) && complete
	}
	// While this replica could not reach the log, its own changes may be missing from the log too.
	if !complete || !a.cursor.failed.IsZero() {
		a.needs = a.next()
		a.version++
	}
	a.cursor.position, a.cursor.failed = now, time.Time{}
	a.mu.Unlock()
	a.flushOutbox(ctx)
	return nil
}

// Announce publishes changes that could not be published earlier, if the log can be reached again.
// A caller must call Announce before it acknowledges a change, because an acknowledged change must
// be visible at every replica.
func (l *Listings) Announce(ctx context.Context) {
	if l.config.Log == nil {
		return
	}
	for _, a := range l.accounts {
		a.flushOutbox(ctx)
	}
}

// flushOutbox flushes the outbox.
func (a *accountListings) flushOutbox(ctx context.Context) {
	a.mu.Lock()
	outbox := a.cursor.outbox
	if len(outbox) > 0 {
		a.cursor.outbox = map[string]bool{}
	}
	a.mu.Unlock()
	for store := range outbox {
		a.publish(ctx, logEvent{Store: store, Doubt: true}, func() {})
	}
}

// applyText applies an event from the log. It returns false if the event cannot be decoded. The caller
// holds the lock.
func (a *accountListings) applyText(text []byte) bool {
	var e logEvent
	if json.Unmarshal(text, &e) != nil {
		return false
	}
	if strings.HasPrefix(e.ID, a.cursor.origin) {
		if apply := a.cursor.mine[e.ID]; apply != nil {
			delete(a.cursor.mine, e.ID)
			apply()
		}
		return true
	}
	a.apply(e, 0)
	return true
}

// apply applies an event of a change or read that began after since. The caller holds the lock.
func (a *accountListings) apply(e logEvent, since uint64) {
	a.version++
	if e.Store == "" {
		for _, id := range e.Deleted {
			a.markStoreDeleted(id)
		}
		applyTo(a.stores, e, e.Stores, since)
		return
	}
	if s := a.known(e.Store); s != nil {
		applyTo(s, e, e.Secrets, since)
	}
}

func applyTo[T any](s *collection[T], e logEvent, items []T, since uint64) {
	for _, id := range e.Deleted {
		s.markDeleted(id)
	}
	for _, id := range e.Missing {
		s.forget(id, tombstone{tick: s.of.next()})
	}
	for _, item := range items {
		if id := s.kind.id(item); e.Seen && !s.has(id) && !s.gone[id].ours {
			s.invalidateFor(e.Payer)
			continue
		}
		s.put(item, since)
	}
	if e.Doubt && (e.Digest == "" || s.whole == nil || e.Digest != s.digest()) {
		s.invalidateFor(e.Payer)
	}
}

// publish publishes an event and then applies it. The order matters: a reader must not see a change
// that the next read at another replica does not show. If the event cannot be written, publish applies
// it, invalidates the list, and adds the list to the outbox. Until the log is reachable again,
// other replicas miss the change for at most MaxStaleness.
func (a *accountListings) publish(ctx context.Context, e logEvent, apply func()) {
	if a.listings.config.Log == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		apply()
		return
	}
	a.mu.Lock()
	e.ID = a.cursor.origin + "." + strconv.FormatUint(a.next(), 10)
	a.cursor.mine[e.ID] = apply
	a.mu.Unlock()
	err := a.append(ctx, e)
	a.mu.Lock()
	defer a.mu.Unlock()
	if apply := a.cursor.mine[e.ID]; apply != nil {
		delete(a.cursor.mine, e.ID)
		apply()
	}
	if err != nil {
		a.cursor.failed = a.clock()
		a.cursor.outbox[e.Store] = true
		a.apply(logEvent{Store: e.Store, Doubt: true}, 0)
	}
}

func (a *accountListings) append(ctx context.Context, e logEvent) error {
	text, err := json.Marshal(e)
	if err == nil && len(text) > largestEvent {
		e.Stores, e.Secrets, e.Doubt, e.Digest = nil, nil, true, ""
		text, err = json.Marshal(e)
	}
	if err != nil {
		return fmt.Errorf("write an event: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logLimit)
	defer cancel()
	return a.listings.config.Log.Append(ctx, a.id, text)
}
