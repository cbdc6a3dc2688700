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

// ChangeLog tells several replicas of each other's changes. It is
// safe for concurrent use. A topic is an account.
type ChangeLog interface {
	// Append adds an event. It is seen by every Since that begins after Append
	// has returned.
	Append(ctx context.Context, topic string, event []byte) error
	// Since gives the events after a position, in their order, and the position
	// that is reached. complete is false where some may be missing: the log was
	// trimmed or lost, or after is the zero Position.
	Since(ctx context.Context, topic string, after LogPosition) (events [][]byte, now LogPosition, complete bool, err error)
}

// LogPosition is a place in a log. Only the log that gave it can read it. Its zero
// value is the place of one who has read nothing.
type LogPosition string

const (
	// logLimit bounds a call to the log.
	logLimit = 500 * time.Millisecond
	// logPause is how long the log is not read after it failed.
	logPause = time.Second
	// largestEvent is how many bytes of objects an event may hold. Of more, it
	// only says that there is something to read.
	largestEvent = 64 << 10
)

// errLogAway is a log that failed a moment ago.
var errLogAway = errors.New("cache: the log of changes cannot be reached")

// logEvent is what one replica tells the others.
type logEvent struct {
	// ID begins with the origin of the event.
	ID string `json:"id"`
	// Store is whose secrets it is about. Empty: the stores of the account.
	Store string `json:"store,omitempty"`
	// Stores and Secrets are new states of objects.
	Stores  []upstream.Store  `json:"stores,omitempty"`
	Secrets []upstream.Secret `json:"secrets,omitempty"`
	// Seen says that these were seen by a read, and maybe long ago: what is not
	// known of them may be gone by now.
	Seen bool `json:"seen,omitempty"`
	// Deleted are identifiers of what Storekeeper deleted, Missing of what was
	// not found any more.
	Deleted []string `json:"deleted,omitempty"`
	Missing []string `json:"missing,omitempty"`
	// Doubt says that the list has to be read again, unless its digest is
	// Digest.
	Doubt  bool   `json:"doubt,omitempty"`
	Digest string `json:"digest,omitempty"`
	// Payer is the tenant that pays for that reading. Empty: whoever needs it.
	Payer string `json:"payer,omitempty"`
}

func (e logEvent) empty() bool {
	return len(e.Stores)+len(e.Secrets)+len(e.Deleted)+len(e.Missing) == 0 && !e.Doubt
}

// logCursor is how far an account has followed the log.
type logCursor struct {
	origin   string
	position LogPosition
	rounds   freshFlights
	failed   time.Time
	// mine are own events that are not applied yet. Whoever sees one first, its
	// writer or a read that finds it in the log, applies it.
	mine map[string]func()
	// owed are the lists of which something could not be told.
	owed map[string]bool
}

func newTrail() logCursor {
	return logCursor{origin: rand.Text(), mine: map[string]func(){}, owed: map[string]bool{}}
}

// follow takes what the log has got until now. It fails where that cannot be
// known. Reads at the same time share a look.
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
	return a.trail.rounds.join(ctx, func(done func(error)) {
		a.listings.background(ctx, logLimit, func(ctx context.Context) { done(a.catchUp(ctx)) })
	})
}

func (a *accountListings) pausing() bool {
	return !a.trail.failed.IsZero() && a.clock().Sub(a.trail.failed) < logPause
}

// catchUp reads the log once. One at a time does it.
func (a *accountListings) catchUp(ctx context.Context) error {
	a.mu.Lock()
	after := a.trail.position
	a.mu.Unlock()
	events, now, complete, err := a.listings.config.Log.Since(ctx, a.id, after)
	a.mu.Lock()
	if err != nil {
		a.trail.failed = a.clock()
		a.mu.Unlock()
		return fmt.Errorf("%w: %w", errLogAway, err)
	}
	for _, text := range events {
		complete = a.hear(text) && complete
	}
	// Who could not be told of a change cannot have told of one either.
	if !complete || !a.trail.failed.IsZero() {
		a.needs = a.next()
		a.version++
	}
	a.trail.position, a.trail.failed = now, time.Time{}
	a.mu.Unlock()
	a.settleDebts(ctx)
	return nil
}

// Announce tells other replicas what they could not be told when it happened,
// where the log can be reached by now. It is for whoever acknowledges a change:
// what was acknowledged has to show everywhere.
func (l *Listings) Announce(ctx context.Context) {
	if l.config.Log == nil {
		return
	}
	for _, a := range l.accounts {
		a.settleDebts(ctx)
	}
}

// settleDebts tells the others what they could not be told when it happened.
func (a *accountListings) settleDebts(ctx context.Context) {
	a.mu.Lock()
	owed := a.trail.owed
	if len(owed) > 0 {
		a.trail.owed = map[string]bool{}
	}
	a.mu.Unlock()
	for store := range owed {
		a.tell(ctx, logEvent{Store: store, Doubt: true}, func() {})
	}
}

// hear takes an event from the log, and is false where it cannot be read; the
// caller holds the lock.
func (a *accountListings) hear(text []byte) bool {
	var e logEvent
	if json.Unmarshal(text, &e) != nil {
		return false
	}
	if strings.HasPrefix(e.ID, a.trail.origin) {
		if apply := a.trail.mine[e.ID]; apply != nil {
			delete(a.trail.mine, e.ID)
			apply()
		}
		return true
	}
	a.apply(e, 0)
	return true
}

// apply takes an event of something that began after since; the caller holds the
// lock.
func (a *accountListings) apply(e logEvent, since uint64) {
	a.version++
	if e.Store == "" {
		for _, id := range e.Deleted {
			a.buryStore(id)
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
		s.bury(id)
	}
	for _, id := range e.Missing {
		s.forget(id, tombstone{tick: s.of.next()})
	}
	for _, item := range items {
		if id := s.kind.id(item); e.Seen && !s.has(id) && !s.gone[id].ours {
			s.doubtAt(e.Payer)
			continue
		}
		s.put(item, since)
	}
	if e.Doubt && (e.Digest == "" || s.whole == nil || e.Digest != s.digest()) {
		s.doubtAt(e.Payer)
	}
}

// tell writes an event and applies it: not before others can see it, since
// nobody may see what another's next read does not show. Where it cannot be
// written, it is applied all the same, the list is read anew, and the others are
// told as soon as the log is back; until then MaxStaleness bounds what they
// miss.
func (a *accountListings) tell(ctx context.Context, e logEvent, apply func()) {
	if a.listings.config.Log == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		apply()
		return
	}
	a.mu.Lock()
	e.ID = a.trail.origin + "." + strconv.FormatUint(a.next(), 10)
	a.trail.mine[e.ID] = apply
	a.mu.Unlock()
	err := a.append(ctx, e)
	a.mu.Lock()
	defer a.mu.Unlock()
	if apply := a.trail.mine[e.ID]; apply != nil {
		delete(a.trail.mine, e.ID)
		apply()
	}
	if err != nil {
		a.trail.failed = a.clock()
		a.trail.owed[e.Store] = true
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
