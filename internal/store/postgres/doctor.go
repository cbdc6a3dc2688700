package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Level is the severity of a finding.
type Level int

// The levels.
const (
	// OK means no problem.
	OK Level = iota
	// Warning means that the store works, but data may be lost or a failure may follow.
	Warning
	// Failed means that the store does not work, or that acknowledged changes are lost.
	Failed
)

// Finding is the result of one check of the server.
type Finding struct {
	// Name is the name of the check.
	Name string
	// Level is the severity.
	Level Level
	// Text is the observation.
	Text string
	// Fix is the recommended action. Empty if Level is OK.
	Fix string
}

// maxClockDifference is the maximum difference between the clocks of server and replica.
const maxClockDifference = time.Second

// serverSettings are settings reported by the server.
type serverSettings struct {
	version                            string
	number                             int
	commit, fsync, pages, standbys     string
	encrypted, superuser, otherSchemas bool
	clock                              time.Time
	streaming, synchronous             int
	lag                                *float64
	checksums                          string
}

const settingsText = `select current_setting('server_version'), current_setting('server_version_num')::int,
	current_setting('synchronous_commit'), current_setting('fsync'), current_setting('full_page_writes'),
	current_setting('synchronous_standby_names'), current_setting('data_checksums'),
	coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false),
	(select rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication from pg_roles where rolname = current_user),
	exists (select from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
		where pg_get_userbyid(c.relowner) = current_user and n.nspname not in ($1, 'pg_toast') and n.nspname !~ '^pg_temp'),
	clock_timestamp(),
	(select count(*) from pg_stat_replication where state = 'streaming'),
	(select count(*) from pg_stat_replication where sync_state in ('sync', 'quorum')),
	(select extract(epoch from max(replay_lag))::float8 from pg_stat_replication)`

// Doctor checks the settings of the server that the durability of the store depends on. It changes
// nothing.
func (s *Store) Doctor(ctx context.Context) []Finding {
	connection := Finding{Name: "connection", Text: "the server accepts writes and holds the store"}
	err := s.Healthy(ctx)
	missing := errors.Is(err, errNoTables)
	switch {
	case missing:
		connection.Text = "the server accepts writes, and the next start of a replica makes the tables"
	case err != nil && !passing(err):
		return []Finding{{Name: "connection", Level: Failed, Text: errText(err), Fix: "docs/postgres.md says what to do about each reason"}}
	case err != nil:
		return []Finding{{
			Name: "connection", Level: Failed, Text: errText(err),
			Fix: "let this machine reach a server that accepts writes: check store.postgres, DNS, network policy, role, password and certificates",
		}}
	}
	var c serverSettings
	begun := time.Now()
	err = s.reads.QueryRow(ctx, settingsText, s.config.Schema).Scan(&c.version, &c.number, &c.commit, &c.fsync, &c.pages, &c.standbys,
		&c.checksums, &c.encrypted, &c.superuser, &c.otherSchemas, &c.clock,
		&c.streaming, &c.synchronous, &c.lag)
	if err != nil {
		return []Finding{{Name: "settings", Level: Failed, Text: clean(err).Error(), Fix: "look at the log of the server"}}
	}
	middle := begun.Add(time.Since(begun) / 2)
	var trail []Finding
	if !missing {
		trail = append(s.trailFinding(ctx), s.partitionFinding(ctx))
	}
	return append(trail,
		connection, c.versionFinding(), c.durability(), c.disk(), c.replication(), c.security(s.config.Plaintext), c.rights(s.config.Schema),
		c.clocks(middle), s.rights(ctx, missing),
	)
}

// errText returns the private cause of a fault, because the reader is the operator and not a
// caller.
func errText(err error) string {
	if cause := errors.Unwrap(err); cause != nil {
		return cause.Error()
	}
	return err.Error()
}

func (c serverSettings) versionFinding() Finding {
	f := Finding{Name: "version", Text: "PostgreSQL " + c.version}
	if c.number < oldest {
		f.Level, f.Fix = Failed, fmt.Sprintf("use PostgreSQL %d or later", oldest/10000)
	}
	return f
}

// durability checks the durability of acknowledged commits. Storekeeper sets synchronous_commit for
// its own sessions if it is off.
func (c serverSettings) durability() Finding {
	f := Finding{Name: "synchronous_commit", Text: "synchronous_commit is " + c.commit}
	if c.commit == "local" && c.standbys != "" || c.commit == "off" {
		f.Level, f.Text = Warning, f.Text+", so a failover loses acknowledged changes"
		f.Fix = "set synchronous_commit to on for the role of Storekeeper"
	}
	return f
}

func (c serverSettings) disk() Finding {
	f := Finding{Name: "fsync", Text: fmt.Sprintf("fsync is %s, full_page_writes is %s, data_checksums is %s", c.fsync, c.pages, c.checksums)}
	switch {
	case c.fsync != "on" || c.pages != "on":
		f.Level, f.Text = Failed, f.Text+", so a crash of the machine loses or damages acknowledged changes"
		f.Fix = "set fsync and full_page_writes to on"
	case c.checksums != "on":
		f.Level, f.Text = Warning, f.Text+", so damage on the disk is served as if it were data"
		f.Fix = "stop the server and run pg_checksums --enable"
	}
	return f
}

func (c serverSettings) replication() Finding {
	f := Finding{Name: "standby", Text: fmt.Sprintf("%d standbys stream, %d of them synchronous", c.streaming, c.synchronous)}
	if c.lag != nil {
		f.Text += fmt.Sprintf("; the slowest is %.1f s behind", *c.lag)
	}
	switch {
	case c.standbys != "" && c.synchronous == 0:
		f.Level, f.Text = Failed, f.Text+", and commits wait for one: synchronous_standby_names is "+c.standbys
		f.Fix = "start a standby that it names"
	case c.standbys == "" && c.streaming > 0:
		f.Level, f.Text = Warning, f.Text+", so a failover loses the last acknowledged changes, and running replicas then refuse the store"
		f.Fix = "set synchronous_standby_names, best with two standbys and ANY 1"
	case c.standbys == "":
		f.Level, f.Text = Warning, f.Text+", so the loss of this machine loses the store, unless its disk is replicated"
		f.Fix = "run a synchronous standby, or use a disk that is replicated and a backup with its write-ahead log"
	}
	return f
}

func (c serverSettings) security(plaintext bool) Finding {
	f := Finding{Name: "TLS", Text: "the connection is encrypted and the server's certificate is verified"}
	if plaintext || !c.encrypted {
		f.Level, f.Text = Warning, "the connection is not encrypted"
		f.Fix = "remove store.postgres.plaintext, and give the server a certificate for its name"
	}
	return f
}

func (c serverSettings) rights(schema string) Finding {
	f := Finding{Name: "role", Text: "the role owns nothing but the schema " + schema}
	switch {
	case c.superuser:
		f.Level, f.Text = Warning, "the role is a superuser, or may make roles or databases, replicate or pass over row security"
	case c.otherSchemas:
		f.Level, f.Text = Warning, "the role owns tables outside the schema "+schema
	default:
		return f
	}
	f.Fix = "use a role that owns nothing but its schema: docs/postgres.md has the statements"
	return f
}

func (c serverSettings) clocks(now time.Time) Finding {
	apart := c.clock.Sub(now).Abs()
	f := Finding{Name: "clock", Text: fmt.Sprintf("the clocks of the server and this machine are %s apart", apart.Round(time.Millisecond))}
	if apart > maxClockDifference {
		f.Level, f.Fix = Warning, "synchronise both clocks: records end by that of the server"
	}
	return f
}

// rights checks that the role may access the tables, and attach and detach partitions, which only
// owners may, or that the role may create the tables if they are missing.
func (s *Store) rights(ctx context.Context, missing bool) Finding {
	const schema = `select 'create in the schema' where not has_database_privilege(current_database(), 'create')
		and not exists (select from pg_namespace where nspname = $1 and has_schema_privilege(oid, 'create'))`
	const tables = `select t || ' ' || p from unnest(array['records', 'store', 'receipts', 'trail', 'trail_partitions', 'events', 'streams', 'migrations']) as t
		cross join unnest(array['select', 'insert', 'update', 'delete']) as p where not has_table_privilege(t, p)
		union all select 'ownership of ' || c.relname from pg_class as c
		where (c.oid = to_regclass('trail') or c.oid in (select inhrelid from pg_inherits where inhparent = to_regclass('trail')))
			and not pg_has_role(current_user, c.relowner, 'usage')
		union all ` + schema
	f := Finding{Name: "rights", Text: "the role may read and write its tables, and make partitions"}
	text := tables
	if missing {
		f.Text, text = "the role may make its tables", schema
	}
	rows, err := s.reads.Query(ctx, text, s.config.Schema)
	var lacking []string
	if err == nil {
		lacking, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	switch {
	case err != nil:
		f.Level, f.Text, f.Fix = Failed, clean(err).Error(), "look at the log of the server"
	case len(lacking) > 0:
		f.Level, f.Text = Failed, "the role lacks rights: "+strings.Join(lacking, ", ")
		f.Fix = "make the role the owner of the schema and its tables: docs/postgres.md has the statements"
	}
	return f
}
