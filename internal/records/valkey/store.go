// Package valkey keeps records on a Valkey or Redis server that several
// replicas share.
//
// It must not know what the records mean, nor who else uses the server.
//
// A record is one value with a small header. A change reads its records, asks
// what becomes of them and writes by a script that does nothing where one of
// them has another version by then. The script leaves a receipt, so that a
// change whose answer is lost is sent again and still happens once.
package valkey

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	client "github.com/valkey-io/valkey-go"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
)

const (
	defaultPrefix  = "storekeeper"
	defaultTimeout = 2 * time.Second
	// bufferSize is what each connection reads and writes at once.
	bufferSize = 64 << 10
	// reads is how often a read is tried: more than the connections that can be
	// found dead one after the other.
	reads = 4
)

// Config says which server and how to reach it.
type Config struct {
	// Address is host:port.
	Address string
	// Username may be empty: the server's default user.
	Username string
	// Password is asked for each new connection, so that it can change. Nil:
	// none.
	Password func() (string, error)
	// TLS is how to secure the connection. Nil: not at all.
	TLS *tls.Config
	// Prefix begins every key, in braces, so that all keys are in one slot of a
	// cluster. Default "storekeeper". Braces cannot be in it.
	Prefix string
	// Cluster says that the server is part of a cluster. It must then be up
	// when the store is opened.
	Cluster bool
	// Timeout bounds each command. Default 2 s.
	Timeout time.Duration
}

// Store is a records.Store on a server.
type Store struct {
	client  client.Client
	swap    *client.Lua
	prefix  string
	timeout time.Duration
	closed  atomic.Bool
	// epoch is that of the records when this store first changed one of them.
	epoch atomic.Pointer[string]
	begin *client.Lua
}

var _ records.Store = (*Store)(nil)

// Open makes a store. The server need not be up, unless it is a cluster: each
// command connects where there is no connection. The store must be closed.
func Open(c Config) (*Store, error) {
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Address == "" {
		return nil, errors.New("valkey: no address is given")
	}
	if strings.ContainsAny(c.Prefix, "{}") {
		return nil, fmt.Errorf("valkey: the prefix %q has a brace in it", c.Prefix)
	}
	opened, err := client.NewClient(options(c))
	if opened == nil || (err != nil && c.Cluster) {
		return nil, fmt.Errorf("valkey: %w", err)
	}
	// Outside a cluster the client is good even if it could not connect yet.
	return &Store{
		client: opened, swap: client.NewLuaScript(swap), begin: client.NewLuaScript(begin),
		prefix: "{" + c.Prefix + "}:", timeout: c.Timeout,
	}, nil
}

func options(c Config) client.ClientOption {
	return client.ClientOption{
		InitAddress:       []string{c.Address},
		ForceSingleClient: !c.Cluster,
		TLSConfig:         c.TLS,
		AuthCredentialsFn: func(client.AuthCredentialsContext) (client.AuthCredentials, error) {
			return credentials(c)
		},
		ClientName: "storekeeper",
		// An idle connection is tried this often, so that a server that is
		// gone without a word is noticed.
		Dialer:           net.Dialer{Timeout: c.Timeout / 2, KeepAlive: c.Timeout / 2},
		ConnWriteTimeout: c.Timeout,
		// A caller that leaves need not wait for an answer then.
		AlwaysPipelining: true,
		DisableCache:     true,
		// The client would send the same command again and put it back into its
		// pool while the broken connection may still read it.
		DisableRetry:        true,
		ReadBufferEachConn:  bufferSize,
		WriteBufferEachConn: bufferSize,
	}
}

func credentials(c Config) (client.AuthCredentials, error) {
	if c.Password == nil {
		return client.AuthCredentials{Username: c.Username}, nil
	}
	password, err := c.Password()
	return client.AuthCredentials{Username: c.Username, Password: password}, err
}

// Client is the connection, for what is not a record. It ends with the store.
func (s *Store) Client() client.Client { return s.client }

// Key is the name of a key of the server, prefixed so that scripts may use it
// together with any other key of this store. Names that begin with "records"
// are those of the store itself.
func (s *Store) Key(name string) string { return s.prefix + name }

// Ping asks the server for a sign of life. Its error is as that of Get.
func (s *Store) Ping(ctx context.Context) error {
	return s.failed(ctx, s.ask(ctx, func(b client.Builder) client.Completed { return b.Ping().Build() }).Error())
}

// Durable tells whether the server keeps every write that it answered: it syncs
// its log each time and evicts nothing. The error says that it is not known,
// as where the server does not let this user ask.
func (s *Store) Durable(ctx context.Context) (bool, error) {
	for address, node := range s.client.Nodes() {
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		set, err := node.Do(ctx, node.B().ConfigGet().
			Parameter("appendonly", "appendfsync", "maxmemory", "maxmemory-policy").Build()).AsStrMap()
		cancel()
		if err != nil {
			return false, fmt.Errorf("valkey: whether %s keeps every write is not known: %w", address, err)
		}
		evicts := set["maxmemory"] != "0" && set["maxmemory-policy"] != "noeviction"
		if set["appendonly"] != "yes" || set["appendfsync"] != "always" || evicts {
			return false, nil
		}
	}
	return true, nil
}

// Close ends the connections. It may be called again.
func (s *Store) Close() error {
	if !s.closed.Swap(true) {
		s.client.Close()
	}
	return nil
}

// ask sends a command that only reads and waits for its answer for a bounded
// time. Where the connection turns out to be dead, it asks again on a new one,
// with a new command: the client may still be busy with the old one.
func (s *Store) ask(ctx context.Context, build func(client.Builder) client.Completed) client.ValkeyResult {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		if s.closed.Load() {
			return client.NewErrorResult(records.ErrClosed)
		}
		result := s.client.Do(limited, build(s.client.B()))
		if result.NonValkeyError() == nil || attempt == reads || pause(limited, attempt) != nil {
			return result
		}
	}
}

// failed is what the caller hears of an error: its own end, or else that the
// store fails.
func (s *Store) failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if end := ended(ctx); end != nil {
		return fault.From(end)
	}
	if s.closed.Load() {
		err = records.ErrClosed
	}
	return records.Unavailable(err)
}

// ended is why ctx ended, if it did. A connection that has the same deadline
// may notice it a moment before ctx does.
func ended(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}
