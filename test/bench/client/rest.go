// Package client makes single calls to a world, over REST and over gRPC, and
// distinguishes successes, refusals and failures.
//
// It must not know the number or the rate of calls.
package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/test/bench/load"
	"platform.internal/storekeeper/test/bench/stage"
)

// REST calls over HTTP, with separate connections.
type REST struct {
	world     *stage.World
	http      *http.Client
	transport *http.Transport
	direct    bool
	stores    string
	// Keyless leaves out the idempotency key.
	Keyless bool
	// next numbers changes, so that names and keys are unique.
	next   atomic.Int64
	prefix string
}

// NewREST returns a client with a number of connections. Close it at the end.
func NewREST(w *stage.World, connections int) *REST {
	transport := &http.Transport{
		MaxIdleConns: connections, MaxIdleConnsPerHost: connections, DisableCompression: true, DialContext: newDialer().dial,
	}
	return &REST{
		world: w, transport: transport, direct: w.Name == stage.Direct, http: &http.Client{Transport: transport, Timeout: 2 * time.Minute},
		stores: w.REST + "/accounts/" + stage.Account + "/secrets_store/stores", prefix: strconv.FormatInt(time.Now().UnixNano(), 36),
	}
}

// Bound limits the client to its connections: a call without an idle connection
// waits. Otherwise the call opens another connection.
func (c *REST) Bound() { c.transport.MaxConnsPerHost = c.transport.MaxIdleConnsPerHost }

// Close closes the connections.
func (c *REST) Close() { c.http.CloseIdleConnections() }

// unique is a name that no other change of this client has.
func (c *REST) unique() string { return c.prefix + "-" + strconv.FormatInt(c.next.Add(1), 10) }

// read reads a URL.
func (c *REST) read(ctx context.Context, url string, worker int) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	return c.send(r, worker)
}

// change sends a body, with a key if the contender reads keys.
func (c *REST) change(ctx context.Context, url, key string, body []byte, worker int) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if len(c.world.Tokens) > 0 && !c.Keyless {
		r.Header.Set("Idempotency-Key", key)
	}
	return c.send(r, worker)
}

// send makes a call and returns the body of an answer 200.
func (c *REST) send(r *http.Request, worker int) ([]byte, error) {
	// Peers do not authenticate, so calls to peers have no credential and no
	// key. Peers should not pay for reading headers that they do not use.
	if c.direct || len(c.world.Tokens) > 0 {
		r.Header.Set("Authorization", "Bearer "+c.world.Token(worker))
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	return text, judge(answer, text)
}

// judge classifies an answer.
func judge(answer *http.Response, text []byte) error {
	switch answer.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		said := fmt.Errorf("%s: %.300s", answer.Status, text)
		if answer.Header.Get("Retry-After") == "" {
			return errors.Join(load.ErrRefused, load.ErrNoHint, said)
		}
		return errors.Join(load.ErrRefused, said)
	default:
		return fmt.Errorf("%s: %.300s", answer.Status, text)
	}
}

// CreateStore creates a store with a unique name.
func (c *REST) CreateStore(ctx context.Context, worker, _ int) error {
	_, err := c.NewStore(ctx, worker)
	return err
}

// id finds the first identifier in an answer.
var id = regexp.MustCompile(`"id":"([0-9a-f]{32})"`)

// NewStore creates a store and returns the identifier.
func (c *REST) NewStore(ctx context.Context, worker int) (string, error) {
	return c.NamedStore(ctx, c.unique(), worker)
}

// NamedStore creates a store, with the name as the key, and returns the
// identifier.
func (c *REST) NamedStore(ctx context.Context, name string, worker int) (string, error) {
	text, err := c.change(ctx, c.stores, name, []byte(`{"name":"`+name+`"}`), worker)
	if err != nil {
		return "", err
	}
	return found(text)
}

func found(text []byte) (string, error) {
	match := id.FindSubmatch(text)
	if match == nil {
		return "", fmt.Errorf("the answer has no identifier: %.300s", text)
	}
	return string(match[1]), nil
}

// NewSecrets creates secrets in a store and returns the identifier of one
// secret.
func (c *REST) NewSecrets(ctx context.Context, store string, count, worker int) (string, error) {
	body := []byte{'['}
	key := c.unique()
	for n := range count {
		if n > 0 {
			body = append(body, ',')
		}
		name := key + "-" + strconv.Itoa(n)
		body = append(body, `{"name":"`+name+`","value":"the-value-of-`+name+`-has-a-usual-length","scopes":["workers"]}`...)
	}
	text, err := c.change(ctx, c.stores+"/"+store+"/secrets", key, append(body, ']'), worker)
	if err != nil {
		return "", err
	}
	return found(text)
}

// CreateSecrets is NewSecrets as a call.
func (c *REST) CreateSecrets(store string, count int) load.Call {
	return func(ctx context.Context, worker, _ int) error {
		_, err := c.NewSecrets(ctx, store, count, worker)
		return err
	}
}

// Read reads a path below the stores, or their list for "".
func (c *REST) Read(path string) load.Call {
	url := c.stores + path
	return func(ctx context.Context, worker, _ int) error {
		_, err := c.read(ctx, url, worker)
		return err
	}
}
