package emulator

import (
	"maps"
	"sync"
	"time"
)

// How far back reads can lag. Older changes are dropped, and so are changes
// beyond this number in an account.
const (
	maxLag     = time.Minute
	maxHistory = 10_000
)

// storeRow is a row. It is immutable.
type storeRow struct {
	id       string
	name     string
	account  string
	created  time.Time
	modified time.Time
}

// secretRow is a row. It is immutable: a change replaces the row.
type secretRow struct {
	id       string
	storeID  string
	name     string
	value    string
	comment  *string
	scopes   []string
	created  time.Time
	modified time.Time
}

// snapshot holds all rows of an account at one time.
type snapshot struct {
	stores  map[string]storeRow
	secrets map[string]secretRow
}

func newSnapshot() *snapshot {
	return &snapshot{stores: map[string]storeRow{}, secrets: map[string]secretRow{}}
}

// accountState holds the rows of an account and their history.
type accountState struct {
	settings Account
	mu       sync.Mutex
	snapshot *snapshot
	// namesInUse holds the names in use, each prefixed with its store. A scan of all rows would make the
	// emulator slower with each row.
	namesInUse map[string]bool
	// history holds undo steps. The last step undoes the newest change.
	history []undoStep
}

// undoStep undoes one change.
type undoStep struct {
	at   time.Time
	undo func(*snapshot)
}

// database holds the accounts. The set of accounts never changes.
type database struct {
	timestamps    *timestamps
	activateAfter time.Duration
	accounts      map[string]*accountState
}

func newDatabase(c Config) *database {
	l := &database{
		timestamps:    &timestamps{clock: c.Clock},
		activateAfter: c.ActivateAfter,
		accounts:      make(map[string]*accountState, len(c.Accounts)),
	}
	for _, a := range c.Accounts {
		l.accounts[a.ID] = &accountState{settings: a, snapshot: newSnapshot(), namesInUse: map[string]bool{}}
	}
	return l
}

// clear removes all rows and their history.
func (l *database) clear() {
	for _, a := range l.accounts {
		a.mu.Lock()
		a.snapshot, a.history, a.namesInUse = newSnapshot(), nil, map[string]bool{}
		a.mu.Unlock()
	}
}

// now returns the current time of the emulator's clock.
func (l *database) now() time.Time { return l.timestamps.clock() }

// object is a store or a secret. The name of a row never changes.
type object interface {
	key() string
	// full is the name with the scope of its uniqueness.
	full() string
}

func (s storeRow) key() string   { return s.id }
func (s storeRow) full() string  { return fullName("", s.name) }
func (s secretRow) key() string  { return s.id }
func (s secretRow) full() string { return fullName(s.storeID, s.name) }

// fullName is the key of a secret's name in its store. For the name of a store, storeID is "".
func fullName(storeID, name string) string { return storeID + "/" + name }

// put adds or replaces a row. The caller holds mu. Rows of a batch share a time, so that a lagging read never
// sees a part of the batch.
func put[R object](a *accountState, rows func(*snapshot) map[string]R, row R, at time.Time) {
	id := row.key()
	before, had := rows(a.snapshot)[id]
	a.remember(at, func(s *snapshot) { restore(rows(s), id, before, had) })
	rows(a.snapshot)[id] = row
	a.namesInUse[row.full()] = true
}

// drop removes a row. The caller holds mu.
func drop[R object](a *accountState, rows func(*snapshot) map[string]R, id string, at time.Time) {
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

func (s *snapshot) allStores() map[string]storeRow   { return s.stores }
func (s *snapshot) allSecrets() map[string]secretRow { return s.secrets }

// remember keeps how to undo a change, and drops changes that no read can lag
// behind.
func (a *accountState) remember(at time.Time, undo func(*snapshot)) {
	old := 0
	for old < len(a.history) && (a.history[old].at.Before(at.Add(-maxLag)) || len(a.history)-old >= maxHistory) {
		old++
	}
	clear(a.history[:old])
	a.history = a.history[old:]
	a.history = append(a.history, undoStep{at: at, undo: undo})
}

// at returns the account at a moment. Zero: now. The caller holds mu and must
// not change the result.
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
