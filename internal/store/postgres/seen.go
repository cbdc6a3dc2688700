package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"platform.internal/storekeeper/internal/audit"
)

// mark is the random name of a commit.
type mark [16]byte

// lastCommit is the state that the last commit left.
type lastCommit struct {
	// store names the store.
	store string
	// commit is how many commits there were, and mark names the last one.
	commit int64
	mark   mark
	// chain names the chain of the audit trail, and line is its last line.
	chain audit.Origin
	line  audit.Place
	// size is how many lines a partition of the trail holds.
	size int64
	// event is how many events there were, and eventMark names the commit of the last
	// one.
	event     int64
	eventMark mark
	// readOnly says that the server accepts no writes.
	readOnly bool
	// then is the mark of the commit that was asked for, if its receipt is kept.
	then *mark
	// kept is the number from which on all receipts are kept.
	kept int64
}

// headText asks for the head, and for the receipt of a commit with a number. The
// last receipt is found at the end of its index, whatever else the table holds.
const headText = `select s.id, r.commit, r.mark, s.chain, s.keyed, r.seq, r.hash, s.trail_size, r.event, r.event_mark,
	current_setting('transaction_read_only')::bool or pg_is_in_recovery(),
	(select mark from receipts where commit = $1), s.receipts_from
from store as s cross join lateral (
	select commit, mark, seq, hash, event, event_mark from receipts where commit is not null order by commit desc limit 1
) as r where s.one`

func scanHead(row pgx.Row) (h lastCommit, err error) {
	var chain string
	var keyed bool
	var seq int64
	var hash []byte
	err = row.Scan(&h.store, &h.commit, &h.mark, &chain, &keyed, &seq, &hash, &h.size, &h.event, &h.eventMark,
		&h.readOnly, &h.then, &h.kept)
	var last [sha256.Size]byte
	if err == nil && (seq < 0 || len(hash) != len(last)) {
		err = fmt.Errorf("the head of the store is damaged: record %d, a hash of %d bytes", seq, len(hash))
	}
	copy(last[:], hash)
	h.chain, h.line = audit.OriginOf(chain, keyed), audit.PlaceAt(uint64(max(seq, 0)), last)
	return h, err
}

// point is a commit that a replica has seen.
type point struct {
	Store  string
	Commit int64
	Mark   mark
}

func (p point) known() bool { return p.Store != "" }

// seen is the last commit that this replica knows of.
type seen struct {
	mu sync.Mutex
	at point
}

func (s *seen) get() point {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// advance remembers a later commit.
func (s *seen) advance(p point) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.at.known() || s.at.Store == p.Store && s.at.Commit < p.Commit {
		s.at = p
	}
}

// check compares a head with a commit that was seen before. The error has
// ErrLost.
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
