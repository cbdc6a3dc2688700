// Package postgres keeps records and the audit trail on a PostgreSQL server that several replicas
// share.
//
// The package does not know the meaning of the records.
//
// Each commit has a number, which orders all commits. A transaction reads the last number and its
// records, decides, and sends all writes at once under the next number. A unique key ensures that
// only one transaction gets that number. After several conflicts in a row, a transaction takes the
// commit lock before it reads. Otherwise no replica holds a lock while its process computes, so a
// stalled replica blocks no other. Commits that wait in one process share a transaction.
//
// Each transaction leaves a receipt. After a lost response, a query of the receipt tells whether
// the commit happened, and prevents the commit from happening later.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
)

// closeWait limits the time that Close waits for running commits.
const closeWait = 2 * time.Second

// Store is a store.Store on a server.
type Store struct {
	config Config
	open   connections
	// writes and reads are separate pools, so that many reads do not delay a commit.
	writes, reads *pgxpool.Pool
	seen          seen
	memory        memory
	joined        atomic.Bool
	joining       sync.Mutex
	queue         queue
	// record is the number of the last line of the trail that was read.
	record atomic.Uint64
	outage outage
	// probing is held while a probe of the server begins, and while life ends.
	probing sync.Mutex
	// failing is the failure of commits, and unextended that of the creation of partitions ahead.
	failing, unextended complaint
	spans               spans
	// ahead are the partitions of the trail for the present and the next period, as far as
	// housekeeping has found or made them, or nil.
	ahead atomic.Pointer[[]span]
	// unindexed reports that the trail may have lines that are not in the index.
	unindexed atomic.Bool

	// life ends when the store is closed.
	life         context.Context
	end          context.CancelFunc
	closing      atomic.Bool
	writing      sync.WaitGroup
	housekeeping sync.WaitGroup
	once         sync.Once
	err          error
}

var _ store.Store = (*Store)(nil)

// Open opens a store and creates missing tables. An unreachable server is no error: each call tries
// again. Open fails if the server holds tables of a later version (ErrNewer), not the store
// recorded in the memory file (ErrLost), an audit trail with another key (ErrKey), or an audit
// trail whose end was altered (ErrAltered). With Inspect, the first call makes these checks. The
// caller must close the store.
func Open(ctx context.Context, c Config) (*Store, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	s := &Store{config: c, queue: newQueue(), memory: memory{path: c.MemoryFile}}
	remembered, err := s.memory.load()
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	s.seen.at = remembered
	if s.writes, err = s.connect(ctx, writeConnections); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if s.reads, err = s.connect(ctx, c.Connections-writeConnections); err != nil {
		s.writes.Close()
		return nil, fmt.Errorf("postgres: %w", err)
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.writing.Go(s.write)
	if c.Inspect {
		return s, nil
	}
	s.housekeeping.Go(s.keepHouse)
	s.unindexed.Store(true)
	s.housekeeping.Go(s.keepIndex)
	err = s.join(ctx)
	if err != nil && !passing(err) {
		return nil, errors.Join(fmt.Errorf("postgres: %w", err), s.Close())
	}
	if err != nil {
		s.complain(err)
	}
	return s, nil
}

func (s *Store) connect(ctx context.Context, connections int) (*pgxpool.Pool, error) {
	p, err := s.config.pool(connections, &s.open)
	if err != nil {
		return nil, err
	}
	return pgxpool.NewWithConfig(ctx, p)
}

// passing reports whether an error may be transient.
func passing(err error) bool {
	for _, lasting := range []error{ErrNewer, ErrLost, ErrKey, ErrAltered, errSetUp, errNoTables} {
		if errors.Is(err, lasting) {
			return false
		}
	}
	return true
}

// Healthy returns nil, or the reason why Commit would fail now.
func (s *Store) Healthy(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	return s.failed(ctx, s.inspect(limited))
}

// look reads the head and compares it with the last commit seen.
func (s *Store) look(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	return s.inspect(limited)
}

func (s *Store) inspect(ctx context.Context) error {
	return s.read(ctx, func(ctx context.Context, before point) (lastCommit, error) {
		return scanHead(s.reads.QueryRow(ctx, headText, before.Commit))
	})
}

// question is a query of the head, of the receipt of a commit that was seen, and of other data, in
// one statement.
type question func(ctx context.Context, before point) (lastCommit, error)

// read runs a query, and checks that the server holds the store that was seen. It repeats the query
// if a connection turns out to be dead.
func (s *Store) read(ctx context.Context, ask question) error {
	for attempt := 0; ; attempt++ {
		err := s.join(ctx)
		if err == nil {
			err = s.readOnce(ctx, ask)
		}
		if err == nil || s.closing.Load() || !repeatable(err) || pause(ctx, attempt) != nil {
			return err
		}
	}
}

// repeatable reports whether a failed query may succeed on another connection.
func repeatable(err error) bool {
	if _, ok := errors.AsType[*fault.Error](err); ok || !passing(err) || errors.Is(err, errVisit) {
		return false
	}
	return !answered(err)
}

func (s *Store) readOnce(ctx context.Context, ask question) error {
	before := s.seen.get()
	h, err := ask(ctx, before)
	if err == nil {
		err = s.accept(h, before)
	}
	return s.explain(err)
}

// accept checks that a head belongs to the store that was seen, and records the head.
func (s *Store) accept(h lastCommit, before point) error {
	if err := h.check(before); err != nil {
		return err
	}
	if h.readOnly {
		return errReadOnly
	}
	s.seen.advance(h.point())
	s.record.Store(h.line.Seq())
	return nil
}

// Status returns the last known state of the store, for metrics.
func (s *Store) Status() store.Status {
	at, record := s.seen.get(), s.record.Load()
	return store.Status{ID: at.Store, Commit: uint64(max(at.Commit, 0)), Record: record, Synced: record}
}

// explain converts an error to its meaning, and drops the connections to an unusable server.
func (s *Store) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case code(err) == codeNoTable, errors.Is(err, pgx.ErrNoRows):
		s.joined.Store(false)
		return fmt.Errorf("%w: it is empty", ErrLost)
	case code(err) == codeNoColumn:
		s.joined.Store(false)
		return errBuild
	case code(err) == codeReadOnly, errors.Is(err, errReadOnly):
		s.leave()
		return errReadOnly
	case code(err) == codeShutdown:
		s.leave()
	}
	return err
}

// leave closes all connections after use, so that new connections go to the server that accepts
// writes.
func (s *Store) leave() {
	s.writes.Reset()
	s.reads.Reset()
}

// Close waits for running commits, for a bounded time, and closes the connections. It may be called
// again.
func (s *Store) Close() error {
	s.once.Do(func() {
		s.closing.Store(true)
		timer := time.AfterFunc(closeWait, s.open.close)
		defer timer.Stop()
		s.queue.close()
		s.writing.Wait()
		s.probing.Lock()
		s.end()
		s.probing.Unlock()
		s.housekeeping.Wait()
		s.reads.Close()
		s.writes.Close()
		if !s.config.Inspect {
			s.err = s.memory.save(s.seen.get())
		}
	})
	return s.err
}
