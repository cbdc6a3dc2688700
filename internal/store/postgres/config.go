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
	// writeConnections are the connections of the writer, of its queries after a lost response, and
	// of housekeeping.
	writeConnections = 3
	// idle is the maximum idle time of a connection.
	idle = 5 * time.Minute
	// longIdle is the idle time after which a connection is pinged before use.
	longIdle = time.Minute
	// life is the maximum lifetime of a connection, so that the servers behind a host name can
	// change.
	life = time.Hour
	// statementTimeout ends statements on the server whose client is gone.
	statementTimeout = 10 * time.Second
)

// Config configures the connection to the server.
type Config struct {
	// Hosts are the servers, each as host:port, host, or the folder of a Unix socket with :port.
	// The first server that accepts writes is used.
	Hosts []string
	// Database is the name of the database.
	Database string
	// User is the role.
	User string
	// Password is called for each new connection, so that the password can change. Nil means no
	// password. PasswordFile makes such a function.
	Password func() (string, error)
	// TLS configures the security of TCP connections. Nil means TLS with the system's root
	// certificates. The certificate is always verified against the host name, unless TLS says
	// otherwise.
	TLS *tls.Config
	// Plaintext disables TLS.
	Plaintext bool
	// Schema is the schema of the tables. Default "storekeeper".
	Schema string
	// AuditKey, unless empty, is the HMAC key of the audit trail's chain, so that the chain cannot
	// be rewritten with access to the database alone. The key never leaves the process. A store
	// keeps its key.
	AuditKey []byte
	// Timeout limits Commit, Get, Events, Healthy and each page of Scan and Trail. Default 900 ms,
	// at most 10 s.
	Timeout time.Duration
	// Connections is the maximum number of connections. Default 8, at least 4.
	Connections int
	// MemoryFile is a file of this replica that records the store, so that a store that was emptied
	// or restored from an older copy is refused even after a restart. Empty disables the check
	// across restarts.
	MemoryFile string
	// Existing requires that the store exists: a database without the store is refused.
	Existing bool
	// Inspect is for commands that run beside the replicas: tables are neither created nor changed,
	// expired records are not deleted, and MemoryFile is only read.
	Inspect bool
	// TrailPeriod is the period of new partitions of the audit trail. Default Month.
	TrailPeriod Period
	// Observe is called with the duration of each transaction. Nil means no call.
	Observe func(took time.Duration, err error)
	// Logger logs background events. Nil means no logging.
	Logger *zap.Logger
	// Now is the clock of this process, for audit records without a time, and to limit the effect
	// of a server whose clock is far ahead. Nil means time.Now.
	Now func() time.Time
}

// PasswordFile returns a function that reads a file and removes the line feeds at the end.
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

// pool makes the configuration of a pool. open tracks the connections of the store, so that Close
// can close them.
func (c Config) pool(connections int, open *connections) (*pgxpool.Config, error) {
	// Settings must not come from the environment or from files of the account that runs the
	// program.
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
		// A replica that stalls within a transaction loses the transaction before the others have
		// waited for too long.
		"idle_in_transaction_session_timeout": milliseconds(c.Timeout / 2),
		// Each statement has an index. A plan that was made while a table was small must not scan
		// the whole table later.
		"enable_seqscan":    "off",
		"jit":               "off",
		"statement_timeout": milliseconds(statementTimeout),
	}
	cc.ConnectTimeout = c.Timeout
	cc.ValidateConnect = acceptsWrites
	p.MaxConns = int32(connections) //nolint:gosec // A small number of the configuration.
	p.MaxConnIdleTime, p.MaxConnLifetime, p.MaxConnLifetimeJitter = idle, life, life/4
	// A statement on a dead connection is repeated, so a ping before each statement is useless.
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

// tls returns the TLS configuration for a host, or nil for no TLS.
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

// dialer returns the dial function of one connection, and a function to be called once the
// connection is established.
//
// After that, the dial function fails. The driver would dial to cancel a statement whose caller
// stopped waiting. A server that waits for its standby in a commit would then end the wait, and the
// commit would be visible although it can still be lost. Statements end by the server's own
// timeouts instead.
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

// acceptsWrites rejects a server that is a standby or read-only.
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

// durable makes the commits of a connection wait for the disk, even if the server's default is
// otherwise.
func durable(ctx context.Context, conn *pgconn.PgConn) error {
	const text = "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'"
	_, err := conn.Exec(ctx, text).ReadAll()
	return err
}
