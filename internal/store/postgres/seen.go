package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"platform.internal/storekeeper/internal/audit"
)

// mark is the random identifier of a commit.
type mark [16]byte

// lastCommit is the state after the last commit.
type lastCommit struct {
	// store is the identifier of the store.
	store string
	// commit is the number of commits so far, and mark the identifier of the last commit.
	commit int64
	mark   mark
	// chain is the origin of the audit trail, and line its last line.
	chain audit.Origin
	line  audit.Place
	// trailAt is the time of that line, trailEnds the end of its partition, and now the present
	// time, all by the clock of the server.
	trailAt, trailEnds, now time.Time
	// event is the number of events so far, and eventMark the mark of the commit of the last event.
	event     int64
	eventMark mark
	// readOnly reports that the server accepts no writes.
	readOnly bool
	// then is the mark of the queried commit, if its receipt still exists.
	then *mark
	// kept is the number of the first commit from which all receipts are kept.
	kept int64
}

// headText queries the head, and the receipt of a commit by number. The last receipt is at the end
// of its index, so that the size of the table does not matter.
const headText = `select s.id, r.commit, r.mark, s.chain, s.keyed, r.seq, r.hash, r.trail_at, r.trail_ends, clock_timestamp(), r.event, r.event_mark,
	current_setting('transaction_read_only')::bool or pg_is_in_recovery(),
	(select mark from receipts where commit = $1), s.receipts_from
from store as s cross join lateral (
	select commit, mark, seq, hash, trail_at, trail_ends, event, event_mark from receipts where commit is not null order by commit desc limit 1
) as r where s.one`

// headColumns name the columns of headText.
const headColumns = "id, commit, mark, chain, keyed, seq, hash, trail_at, trail_ends, clock, event, event_mark, read_only, seen_mark, receipts_from"

// headScan reads the columns of headText.
type headScan struct {
	lastCommit

	origin string
	keyed  bool
	seq    int64
	digest []byte
}

func (s *headScan) targets() []any {
	return []any{
		&s.store, &s.commit, &s.mark, &s.origin, &s.keyed, &s.seq, &s.digest, &s.trailAt, &s.trailEnds, &s.now, &s.event, &s.eventMark, &s.readOnly, &s.then, &s.kept,
	}
}

// withHead begins a statement that queries the head and appends the columns of another query, which
// follows in parentheses. The first argument is the argument of headText.
const withHead = "select h.*, f.* from (" + headText + ") as h (" + headColumns + ") left join ("

// each reads rows that begin with the head. There is always a row: if the other query has no
// result, its columns are null.
func (s *headScan) each(rows pgx.Rows, more []any, row func()) (lastCommit, error) {
	tag, err := pgx.ForEachRow(rows, append(s.targets(), more...), func() error {
		row()
		return nil
	})
	switch {
	case err != nil:
		return lastCommit{}, err
	case tag.RowsAffected() == 0:
		return lastCommit{}, pgx.ErrNoRows
	}
	return s.head()
}

// head returns the head that was read.
func (s *headScan) head() (lastCommit, error) {
	var last [sha256.Size]byte
	if s.seq < 0 || len(s.digest) != len(last) {
		return s.lastCommit, fmt.Errorf("the head of the store is damaged: record %d, a hash of %d bytes", s.seq, len(s.digest))
	}
	copy(last[:], s.digest)
	s.chain, s.line = audit.OriginOf(s.origin, s.keyed), audit.PlaceAt(uint64(s.seq), last)
	return s.lastCommit, nil
}

func scanHead(row pgx.Row) (lastCommit, error) {
	scan := headScan{}
	if err := row.Scan(scan.targets()...); err != nil {
		return lastCommit{}, err
	}
	return scan.head()
}

// point is a commit that a replica has seen.
type point struct {
	Store  string
	Commit int64
	Mark   mark
}

func (p point) known() bool { return p.Store != "" }

// seen is the last commit known to this replica.
type seen struct {
	mu sync.Mutex
	at point
	// checked is the time at which a server was last compared with it.
	checked time.Time
}

func (s *seen) get() point {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// lately reports whether a server was compared with the last commit within a time.
func (s *seen) lately(d time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.checked) < d
}

// advance records a later commit.
func (s *seen) advance(p point) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checked = time.Now()
	if !s.at.known() || s.at.Store == p.Store && s.at.Commit < p.Commit {
		s.at = p
	}
}

// check compares a head with a commit that was seen before. The error wraps ErrLost.
func (h lastCommit) check(before point) error {
	switch {
	case !before.known():
		return nil
	case h.store != before.Store:
		return fmt.Errorf("%w: it holds another store, %.8s and not %.8s", ErrLost, h.store, before.Store)
	case h.commit < before.Commit:
		return fmt.Errorf("%w: it ends with commit %d, and commit %d was seen: it was restored from an older copy, or a standby without the last commits took over",
			ErrLost, h.commit, before.Commit)
	case h.commit == before.Commit && h.mark != before.Mark,
		h.then != nil && *h.then != before.Mark,
		h.then == nil && h.kept <= before.Commit:
		return fmt.Errorf("%w: its commit %d is not the one that was seen, %s: it was restored from an older copy and went on from there",
			ErrLost, before.Commit, hex.EncodeToString(before.Mark[:4]))
	default:
		return nil
	}
}

func (h lastCommit) point() point { return point{Store: h.store, Commit: h.commit, Mark: h.mark} }
