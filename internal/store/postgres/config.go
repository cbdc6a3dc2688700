package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"
)

const (
	defaultPort        = "5432"
	defaultSchema      = "storekeeper"
	defaultTimeout     = 900 * time.Millisecond
	maxTimeout         = 10 * time.Second
	defaultConnections = 8
	// writeConnections are those of the writer, of what it asks after a lost answer,
	// and of housekeeping.
	writeConnections = 3
	// idle is how long a connection is kept that nobody uses.
	idle = 5 * time.Minute
	// longIdle is after what time without use a connection is tried before it is used.
	longIdle = time.Minute
	// life is how long a connection is kept at most, so that servers behind a name
	// can change.
	life = time.Hour
	// statementTimeout ends statements on the server whose client has left.
	statementTimeout = 10 * time.Second
)

// Config says which server holds the store and how to reach it.
type Config struct {
	// Hosts are the servers, each as host:port, host, or the folder of a Unix socket
	// with :port. The first that accepts writes is used.
	Hosts []string
	// Database is the name of the database.
	Database string
	// User is the role.
	User string
	// Password is asked for each new connection, so that it can change. Nil: none.
	// PasswordFile reads it from a file.
	Password func() (string, error)
	// TLS is how connections over TCP are secured. Nil means TLS with the roots of
	// the system. The certificate is always verified against the name of the host,
	// unless TLS says otherwise.
	TLS *tls.Config
	// Plaintext means that connections are not secured.
	Plaintext bool
	// Schema is where the tables are. Default "storekeeper".
	Schema string
	// AuditKey, unless empty, binds the chain of the audit trail, so that a holder
	// of the database alone cannot write it anew. It never leaves the process. A
	// store keeps its key.
	AuditKey []byte
	// Timeout bounds Commit, Get, Events, Healthy and each page of Scan and Trail.
	// Default 900 ms, at most 10 s.
	Timeout time.Duration
	// Connections is how many connections are used at most. Default 8, at least 4.
	Connections int
	// MemoryFile is a file of this replica that remembers the store, so that one
	// which was emptied or restored from an older copy is refused after a restart
	// too. Empty: none.
	MemoryFile string
	// Existing means that the store was made before: a database without it is
	// refused.
	Existing bool
	// Inspect means that tables are neither made nor changed, ended records are left,
	// and MemoryFile is only read, for commands beside the replicas.
	Inspect bool
	// TrailPeriod is how long a partition of the audit trail lasts that is made from
	// now on. Default Month.
	TrailPeriod Period
	// Observe is told how long each transaction took. Nil: nobody.
	Observe func(took time.Duration, err error)
	// Logger is told what happens in the background. Nil means silence.
	Logger *zap.Logger
	// Now is the clock of this process, for audit records without a time, and against
	// a server whose clock is far ahead. Nil means that of the system.
	Now func() time.Time
}

// PasswordFile returns the content of a file without its last line feed, read
// anew each time.
func PasswordFile(path string) func() (string, error) {
	return func() (string, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("the password file: %w", err)
		}
		return strings.TrimRight(string(text), "\r\n"), nil
	}
}

func (c Config) withDefaults() (Config, error) {
	if c.Schema == "" {
		c.Schema = defaultSchema
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Connections == 0 {
		c.Connections = defaultConnections
	}
	if c.TrailPeriod == "" {
		c.TrailPeriod = Month
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	switch {
	case len(c.Hosts) == 0:
		return c, errors.New("no host is given")
	case c.Database == "":
		return c, errors.New("no database is given")
	case c.User == "":
		return c, errors.New("no user is given")
	case c.Timeout > maxTimeout:
		return c, fmt.Errorf("the timeout is %v and must be at most %v", c.Timeout, maxTimeout)
	case c.Connections <= writeConnections:
		return c, fmt.Errorf("%d connections are too few; it takes %d", c.Connections, writeConnections+1)
	case c.TrailPeriod != Day && c.TrailPeriod != Month:
		return c, fmt.Errorf("the period of partitions is %q and must be %s or %s", c.TrailPeriod, Day, Month)
	}
	return c, nil
}

// pool makes the configuration of a pool. connections open those of the store,
// to be ended with it.
func (c Config) pool(connections int, open *connections) (*pgxpool.Config, error) {
	// What is not set here must not come from the environment or from files of
	// the account that runs the program.
	p, err := pgxpool.ParseConfig("host=localhost port=5432 user=storekeeper password=none dbname=postgres sslmode=disable")
	if err != nil {
		return nil, err
	}
	cc := p.ConnConfig
	cc.User, cc.Password, cc.Database = c.User, "", c.Database
	cc.Fallbacks = nil
	for i, host := range c.Hosts {
		name, port, err := splitHost(host)
		if err != nil {
			return nil, err
		}
		fallback := &pgconn.FallbackConfig{Host: name, Port: port, TLSConfig: c.tls(name)}
		if i == 0 {
			cc.Host, cc.Port, cc.TLSConfig = fallback.Host, fallback.Port, fallback.TLSConfig
			continue
		}
		cc.Fallbacks = append(cc.Fallbacks, fallback)
	}
	cc.RuntimeParams = map[string]string{
		"application_name": "storekeeper",
		"search_path":      pgx.Identifier{c.Schema}.Sanitize(),
		"client_encoding":  "UTF8",
		"timezone":         "UTC",
		"lock_timeout":     milliseconds(c.Timeout),
		// A replica that stands still within a transaction loses it before the others
		// have waited for too long.
		"idle_in_transaction_session_timeout": milliseconds(c.Timeout / 2),
		// Each statement has its index. A plan that was made while a table was small
		// must not read all of it later.
		"enable_seqscan":    "off",
		"jit":               "off",
		"statement_timeout": milliseconds(statementTimeout),
	}
	cc.ConnectTimeout = c.Timeout
	cc.ValidateConnect = acceptsWrites
	p.MaxConns = int32(connections) //nolint:gosec // A small number of the configuration.
	p.MaxConnIdleTime, p.MaxConnLifetime, p.MaxConnLifetimeJitter = idle, life, life/4
	// A statement on a connection that is dead is repeated, so a ping before each is
	// of no use.
	p.ShouldPing = func(_ context.Context, at pgxpool.ShouldPingParams) bool { return at.IdleDuration > longIdle }
	p.BeforeConnect = func(_ context.Context, cc *pgx.ConnConfig) error {
		cc.DialFunc, cc.AfterConnect = open.dialer(c.Timeout)
		if c.Password == nil {
			return nil
		}
		var err error
		cc.Password, err = c.Password()
		return err
	}
	return p, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// tls is how connections to a host are secured, nil where they are not.
func (c Config) tls(host string) *tls.Config {
	if c.Plaintext || strings.HasPrefix(host, "/") {
		return nil
	}
	secured := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLS != nil {
		secured = c.TLS.Clone()
	}
	if secured.ServerName == "" {
		secured.ServerName = host
	}
	return secured
}

func splitHost(host string) (name string, port uint16, err error) {
	name, text, err := net.SplitHostPort(host)
	if err != nil {
		name, text = host, defaultPort
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || name == "" || number == 0 {
		return "", 0, fmt.Errorf("%q is not a host and a port", host)
	}
	return name, uint16(number), nil
}

// dialer returns what dials for one connection, and what is called once that is
// established.
//
// From then on it dials no more. The driver would do so to cancel a statement
// whose caller left. A server that waits for its standby in a commit would end
// that wait, and the commit would be visible although it can still be lost.
// Statements end by the server's own time limits instead.
func (o *connections) dialer(timeout time.Duration) (pgconn.DialFunc, func(context.Context, *pgconn.PgConn) error) {
	var established atomic.Bool
	d := &net.Dialer{
		Timeout:         timeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3},
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if established.Load() {
			return nil, errors.New("statements are not canceled")
		}
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return o.add(conn), nil
	}
	return dial, func(ctx context.Context, conn *pgconn.PgConn) error {
		established.Store(true)
		return durable(ctx, conn)
	}
}

// acceptsWrites passes over a server that is a standby or set to read-only.
func acceptsWrites(ctx context.Context, conn *pgconn.PgConn) error {
	results, err := conn.Exec(ctx, "show transaction_read_only").ReadAll()
	if err != nil {
		return err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || string(results[0].Rows[0][0]) != "off" {
		return errReadOnly
	}
	return nil
}

// durable makes commits of a connection wait for the disk where the server is set
// up otherwise.
func durable(ctx context.Context, conn *pgconn.PgConn) error {
	const text = "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'"
	_, err := conn.Exec(ctx, text).ReadAll()
	return err
}
