package emulator

import (
	"maps"
	"sync"
	"time"
)

// How far back reads can lag. Older changes are forgotten, and so are changes
// beyond this many in an account.
const (
	maxLag     = time.Minute
	maxHistory = 10_000
)

// store is a row of the ledger and never changes once it is in.
type store struct {
	id       string
	name     string
	account  string
	created  time.Time
	modified time.Time
}

// secret is a row of the ledger and never changes once it is in: a change puts
// another row in its place.
type secret struct {
	id       string
	storeID  string
	name     string
	value    string
	comment  *string
	scopes   []string
	created  time.Time
	modified time.Time
}

// snapshot is everything in an account at one moment.
type snapshot struct {
	stores  map[string]store
	secrets map[string]secret
}

func newSnapshot() *snapshot {
	return &snapshot{stores: map[string]store{}, secrets: map[string]secret{}}
}

// accountState holds an account's rows and how to go back in time.
type accountState struct {
	settings Account
	mu       sync.Mutex
	snapshot *snapshot
	// namesInUse are the names that are in use now, each with its store before it: a
	// search through all rows would make Cloudflare slower the more there is.
	namesInUse map[string]bool
	// history undoes changes; the last item is the newest change.
	history []undoStep
}

// undoStep is how to undo something.
type undoStep struct {
	at   time.Time
	undo func(*snapshot)
}

// state holds the accounts. The set of accounts never changes.
type state struct {
	timestamps    *timestamps
	activateAfter time.Duration
	accounts      map[string]*accountState
}

func newState(c Config) *state {
	l := &state{
		timestamps:    &timestamps{clock: c.Clock},
		activateAfter: c.ActivateAfter,
		accounts:      make(map[string]*accountState, len(c.Accounts)),
	}
	for _, a := range c.Accounts {
		l.accounts[a.ID] = &accountState{settings: a, snapshot: newSnapshot(), namesInUse: map[string]bool{}}
	}
	return l
}

// clear removes every row and the memory of it.
func (l *state) clear() {
	for _, a := range l.accounts {
		a.mu.Lock()
		a.snapshot, a.history, a.namesInUse = newSnapshot(), nil, map[string]bool{}
		a.mu.Unlock()
	}
}

// now is the clock of the ledger.
func (l *state) now() time.Time { return l.timestamps.clock() }

// row is what one of an account's maps holds. Its name never changes.
type row interface {
	key() string
	// full is the name with what it is unique in.
	full() string
}

func (s store) key() string   { return s.id }
func (s store) full() string  { return fullName("", s.name) }
func (s secret) key() string  { return s.id }
func (s secret) full() string { return fullName(s.storeID, s.name) }

// fullName is the name of a secret of a store, or of a store where that is "".
func fullName(storeID, name string) string { return storeID + "/" + name }

// put adds or replaces a row of one of an account's maps; the caller holds mu.
// Rows of one batch share a time, so that no lagging read sees a part of it.
func put[R row](a *accountState, rows func(*snapshot) map[string]R, row R, at time.Time) {
	id := row.key()
	before, had := rows(a.snapshot)[id]
	a.remember(at, func(s *snapshot) { restore(rows(s), id, before, had) })
	rows(a.snapshot)[id] = row
	a.namesInUse[row.full()] = true
}

// drop removes a row; the caller holds mu.
func drop[R row](a *accountState, rows func(*snapshot) map[string]R, id string, at time.Time) {
	before, had := rows(a.snapshot)[id]
	a.remember(at, func(s *snapshot) { restore(rows(s), id, before, had) })
	delete(rows(a.snapshot), id)
	delete(a.namesInUse, before.full())
}

func restore[R any](rows map[string]R, id string, row R, had bool) {
	if had {
		rows[id] = row
		return
	}
	delete(rows, id)
}

func (s *snapshot) allStores() map[string]store   { return s.stores }
func (s *snapshot) allSecrets() map[string]secret { return s.secrets }

// remember keeps how to undo a change and forgets changes that no read can
// lag behind.
func (a *accountState) remember(at time.Time, undo func(*snapshot)) {
	old := 0
	for old < len(a.history) && (a.history[old].at.Before(at.Add(-maxLag)) || len(a.history)-old >= maxHistory) {
		old++
	}
	clear(a.history[:old])
	a.history = a.history[old:]
	a.history = append(a.history, undoStep{at: at, undo: undo})
}

// at is the account as it was at a moment; the zero time is now. The caller
// holds mu and must not change what it gets.
func (a *accountState) at(asOf time.Time) *snapshot {
	if asOf.IsZero() {
		return a.snapshot
	}
	then := &snapshot{stores: maps.Clone(a.snapshot.stores), secrets: maps.Clone(a.snapshot.secrets)}
	for i := len(a.history) - 1; i >= 0 && a.history[i].at.After(asOf); i-- {
		a.history[i].undo(then)
	}
	return then
}
