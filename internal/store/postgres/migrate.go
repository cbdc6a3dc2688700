package postgres

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"platform.internal/storekeeper/internal/audit"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// joinTimeout limits the time that a replica waits for the creation of the tables.
	joinTimeout = 10 * time.Second
	// oldest is the first supported version of PostgreSQL, in the format of server_version_num.
	oldest = 150000
)

var (
	// errSetUp reports that the database is not set up for the store.
	errSetUp = errors.New("the database is not set up")
	// errBuild reports that the tables lack a column that this build uses.
	errBuild = fmt.Errorf("%w: the tables are of another build: run that build, or drop the schema and begin anew", errSetUp)
	// errNoTables reports that a store with Inspect would have to create tables.
	errNoTables = errors.New("the tables are missing, or of an earlier version: the next start of a replica makes them")
)

// join checks, once, that the server holds the tables of this build and the store that was seen.
func (s *Store) join(ctx context.Context) error {
	if s.joined.Load() {
		return nil
	}
	if !s.joining.TryLock() {
		// The holder of the lock may take longer than this caller waits.
		return s.joinedMeanwhile(ctx)
	}
	defer s.joining.Unlock()
	if s.joined.Load() {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	err := pgx.BeginFunc(limited, s.writes, func(tx pgx.Tx) error { return s.prepare(limited, tx) })
	if err != nil {
		return clean(err)
	}
	before := s.seen.get()
	h, err := scanHead(s.writes.QueryRow(limited, headText, before.Commit))
	if err == nil {
		err = s.accept(h, before)
	}
	if err == nil {
		err = s.loadSpans(limited)
	}
	if err == nil {
		err = s.checkEnd(limited, h)
	}
	if code(err) == codeNoColumn {
		return errBuild
	}
	// A command that verifies the trail must be able to locate the alteration.
	if err != nil && (!s.config.Inspect || !errors.Is(err, ErrAltered)) {
		return clean(err)
	}
	s.joined.Store(true)
	return nil
}

// joinedMeanwhile waits until another call has joined.
func (s *Store) joinedMeanwhile(ctx context.Context) error {
	for attempt := 0; !s.joined.Load(); attempt++ {
		if err := pause(ctx, attempt); err != nil {
			return err
		}
		if s.joining.TryLock() {
			s.joining.Unlock()
			if !s.joined.Load() {
				return errAbandoned
			}
		}
	}
	return nil
}

// prepare migrates the tables to the version of this build. A lock serialises replicas that start
// at the same time.
func (s *Store) prepare(ctx context.Context, tx pgx.Tx) error {
	var server int
	var encoding string
	err := tx.QueryRow(ctx, "select current_setting('server_version_num')::int, current_setting('server_encoding')").Scan(&server, &encoding)
	if err != nil {
		return err
	}
	if server < oldest {
		return fmt.Errorf("%w: the server is PostgreSQL %d, and it takes %d or later", errSetUp, server/10000, oldest/10000)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("%w: its encoding is %s, and it must be UTF8", errSetUp, encoding)
	}
	all, err := migrationNames()
	if err != nil {
		return err
	}
	if version, err := s.version(ctx, tx); err != nil || version == len(all) {
		return err
	}
	if _, err := tx.Exec(ctx, "select set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true), pg_advisory_xact_lock($1)", s.lockKey("schema")); err != nil {
		return err
	}
	version, err := s.version(ctx, tx)
	if err != nil {
		return err
	}
	return s.migrate(ctx, tx, version, all)
}

// version returns the version of the tables, or 0 if there are none.
func (s *Store) version(ctx context.Context, tx pgx.Tx) (version int, err error) {
	var there bool
	if err := tx.QueryRow(ctx, "select to_regclass($1) is not null", s.name("migrations")).Scan(&there); err != nil || !there {
		return 0, err
	}
	err = tx.QueryRow(ctx, "select coalesce(max(version), 0) from migrations").Scan(&version)
	return version, err
}

func (s *Store) migrate(ctx context.Context, tx pgx.Tx, version int, all []string) error {
	switch {
	case version > len(all):
		return fmt.Errorf("%w (version %d, and this build knows %d)", ErrNewer, version, len(all))
	case version == len(all):
		return nil
	case version == 0 && s.seen.get().known():
		return fmt.Errorf("%w: it is empty", ErrLost)
	case version == 0 && s.config.Existing:
		return fmt.Errorf("%w: it is empty, and the configuration says that the store exists", ErrLost)
	case s.config.Inspect:
		return errNoTables
	case version == 0:
		if err := s.makeSchema(ctx, tx); err != nil {
			return err
		}
	}
	for i := version; i < len(all); i++ {
		text, err := migrations.ReadFile(all[i])
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, string(text), pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("%s: %w", all[i], err)
		}
		if _, err := tx.Exec(ctx, "insert into migrations (version) values ($1)", i+1); err != nil {
			return err
		}
	}
	if version == 0 {
		return s.begin(ctx, tx)
	}
	return nil
}

// makeSchema creates the schema if it is missing and the role has the right.
func (s *Store) makeSchema(ctx context.Context, tx pgx.Tx) error {
	var there bool
	err := tx.QueryRow(ctx, "select exists (select from pg_namespace where nspname = $1)", s.config.Schema).Scan(&there)
	if err == nil && !there {
		_, err = tx.Exec(ctx, "create schema "+pgx.Identifier{s.config.Schema}.Sanitize())
	}
	if err == nil {
		_, err = tx.Exec(ctx, "create table migrations (version int primary key, applied_at timestamptz not null default now())")
	}
	if code(err) == codeNoPermission {
		return fmt.Errorf("%w: the role may not create the tables: create schema %s authorization %s", errSetUp,
			pgx.Identifier{s.config.Schema}.Sanitize(), pgx.Identifier{s.config.User}.Sanitize())
	}
	return err
}

// begin writes the first receipt of a new store, and creates partitions for the trail.
func (s *Store) begin(ctx context.Context, tx pgx.Tx) error {
	chain, none := audit.NewOrigin(s.config.AuditKey), audit.Place{}.Hash()
	first := newMark()
	_, err := tx.Exec(ctx, "insert into store (id, chain, keyed) values ($1, $2, $3)", rand.Text(), chain.ID(), chain.Keyed())
	if err != nil {
		return err
	}
	var now time.Time
	if err := tx.QueryRow(ctx, "select clock_timestamp()").Scan(&now); err != nil {
		return err
	}
	// The imaginary line of this receipt is at the end of a partition, so that the first line
	// begins a partition.
	start := lastCommit{now: now}.lineTime(s.config.Now())
	_, err = tx.Exec(ctx, "insert into receipts (mark, commit, seq, hash, trail_at, trail_ends, event, event_mark) values ($1, 0, 0, $2, $3, $3, 0, $1)",
		first, none[:], start)
	if err != nil {
		return err
	}
	// Readers that have read nothing are at this empty event.
	if _, err := tx.Exec(ctx, "insert into events (id, topic, mark, data) values (0, '', $1, '')", first); err != nil {
		return err
	}
	return s.makePartitions(ctx, tx, start)
}

// checkedLines is the number of lines at the end of the trail that are checked to distinguish a
// wrong key from an altered last line.
const checkedLines = 8

// checkEnd compares the end of the trail with the audit key and with the last receipt. The error
// wraps ErrKey or ErrAltered.
func (s *Store) checkEnd(ctx context.Context, h lastCommit) error {
	if h.chain.Keyed() != (len(s.config.AuditKey) > 0) {
		return fmt.Errorf("%w: with a key: %t, configured: %t", ErrKey, h.chain.Keyed(), !h.chain.Keyed())
	}
	seq := int64(h.line.Seq()) //nolint:gosec // It came from a bigint.
	// The times in the condition exclude earlier partitions.
	from, to := s.spans.between(seq-checkedLines+1, seq)
	rows, err := s.writes.Query(ctx, "select line from trail where seq > $1 and seq <= $2 and at >= $3 and at < $4 order by seq desc",
		seq-checkedLines, seq, from, to)
	var lines []string
	if err == nil {
		lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		return err
	}
	return s.altered(h, lines)
}

// altered compares the last lines of the trail, newest first, with the last receipt and the key.
func (s *Store) altered(h lastCommit, lines []string) error {
	if h.line.Seq() == 0 {
		return nil // no line was written yet
	}
	var last audit.Place
	var known bool
	if len(lines) > 0 {
		last, known = audit.PlaceOf([]byte(lines[0]))
	}
	switch {
	case !known || last != h.line:
		return fmt.Errorf("%w: record %d", ErrAltered, h.line.Seq())
	case audit.Made(s.config.AuditKey, []byte(lines[0])):
		return nil
	}
	made := func(line string) bool { return audit.Made(s.config.AuditKey, []byte(line)) }
	if !h.chain.Keyed() || slices.ContainsFunc(lines[1:], made) {
		return fmt.Errorf("%w: record %d", ErrAltered, h.line.Seq())
	}
	return ErrKey
}

// name returns the qualified name of a table.
func (s *Store) name(table string) string {
	return pgx.Identifier{s.config.Schema, table}.Sanitize()
}

// lockKey returns the number of an advisory lock of this store. Other users of the database get
// other numbers.
func (s *Store) lockKey(purpose string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("storekeeper\x00" + s.config.Schema + "\x00" + purpose)) // a hash never fails
	return int64(h.Sum64())                                                        //nolint:gosec // Any number will do.
}

func newMark() (m mark) {
	_, _ = rand.Read(m[:]) // rand.Read never fails
	// Set the version and variant bits of a random UUID.
	binary.BigEndian.PutUint16(m[6:8], binary.BigEndian.Uint16(m[6:8])&0x0fff|0x4000)
	m[8] = m[8]&0x3f | 0x80
	return m
}

// migrationNames returns the files in the order of their versions.
func migrationNames() ([]string, error) {
	return fs.Glob(migrations, "migrations/*.sql")
}
