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

// shelf is everything in an account at one moment.
type shelf struct {
	stores  map[string]store
	secrets map[string]secret
}

func newShelf() *shelf {
	return &shelf{stores: map[string]store{}, secrets: map[string]secret{}}
}

// account holds an account's rows and how to go back in time.
type account struct {
	settings Account
	mu       sync.Mutex
	shelf    *shelf
	// taken are the names that are in use now, each with its store before it: a
	// search through all rows would make Cloudflare slower the more there is.
	taken map[string]bool
	// past undoes changes; the last item is the newest change.
	past []change
}

// change is how to undo something.
type change struct {
	at   time.Time
	undo func(*shelf)
}

// ledger holds the accounts. The set of accounts never changes.
type ledger struct {
	stamps        *stamps
	activateAfter time.Duration
	accounts      map[string]*account
}

func newLedger(c Config) *ledger {
	l := &ledger{
		stamps:        &stamps{clock: c.Clock},
		activateAfter: c.ActivateAfter,
		accounts:      make(map[string]*account, len(c.Accounts)),
	}
	for _, a := range c.Accounts {
		l.accounts[a.ID] = &account{settings: a, shelf: newShelf(), taken: map[string]bool{}}
	}
	return l
}

// clear removes every row and the memory of it.
func (l *ledger) clear() {
	for _, a := range l.accounts {
		a.mu.Lock()
		a.shelf, a.past, a.taken = newShelf(), nil, map[string]bool{}
		a.mu.Unlock()
	}
}

// now is the clock of the ledger.
func (l *ledger) now() time.Time { return l.stamps.clock() }

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
func put[R row](a *account, rows func(*shelf) map[string]R, row R, at time.Time) {
	id := row.key()
	before, had := rows(a.shelf)[id]
	a.remember(at, func(s *shelf) { restore(rows(s), id, before, had) })
	rows(a.shelf)[id] = row
	a.taken[row.full()] = true
}

// drop removes a row; the caller holds mu.
func drop[R row](a *account, rows func(*shelf) map[string]R, id string, at time.Time) {
	before, had := rows(a.shelf)[id]
	a.remember(at, func(s *shelf) { restore(rows(s), id, before, had) })
	delete(rows(a.shelf), id)
	delete(a.taken, before.full())
}

func restore[R any](rows map[string]R, id string, row R, had bool) {
	if had {
		rows[id] = row
		return
	}
	delete(rows, id)
}

func (s *shelf) allStores() map[string]store   { return s.stores }
func (s *shelf) allSecrets() map[string]secret { return s.secrets }

// remember keeps how to undo a change and forgets changes that no read can
// lag behind.
func (a *account) remember(at time.Time, undo func(*shelf)) {
	old := 0
	for old < len(a.past) && (a.past[old].at.Before(at.Add(-maxLag)) || len(a.past)-old >= maxHistory) {
		old++
	}
	clear(a.past[:old])
	a.past = a.past[old:]
	a.past = append(a.past, change{at: at, undo: undo})
}

// view is the account as it was at a moment; the zero time is now. The caller
// holds mu and must not change what it gets.
func (a *account) view(asOf time.Time) *shelf {
	if asOf.IsZero() {
		return a.shelf
	}
	then := &shelf{stores: maps.Clone(a.shelf.stores), secrets: maps.Clone(a.shelf.secrets)}
	for i := len(a.past) - 1; i >= 0 && a.past[i].at.After(asOf); i-- {
		a.past[i].undo(then)
	}
	return then
}
