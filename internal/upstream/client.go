// Package upstream calls Cloudflare's Secrets Store API with the platform's credentials.
//
// The package does not know the caller, Storekeeper's own API or any protocol but Cloudflare's. Its
// inputs and outputs are Cloudflare's stores and secrets, and faults. It never repeats a change
// that Cloudflare may have made, keeps no secret value after the call, and returns no text of
// Cloudflare unchecked.
package upstream

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"

	"platform.internal/storekeeper/internal/filewatch"
)

const (
	defaultTimeout = 30 * time.Second
	defaultAgent   = "storekeeper"
)

// Config configures a Client.
type Config struct {
	// Accounts are the accounts to serve, at least one. Identifiers and names must be unique.
	Accounts []Account
	// Transport sends the requests. Nil means a transport made by NewTransport. Set Transport only
	// to wrap such a transport for tracing.
	Transport http.RoundTripper
	// UserAgent is the User-Agent header. Empty means "storekeeper".
	UserAgent string
	// Timeout limits each request, from the permission to send up to the end of the response. 0
	// means 30 seconds.
	Timeout time.Duration
	// Clock returns the time. Nil means time.Now.
	Clock func() time.Time
	// Observe is called after each request that was sent, once the response is decoded. The caller
	// is the goroutine of the call; during a test of a new credential the caller is a background
	// goroutine whose context belongs to no call. Observe must return quickly. Nil means no call.
	Observe func(context.Context, Attempt)
	// Admit is called before each request and may block until the request gets a permit. An error
	// of Admit must be a fault; the call then ends with nothing sent. The returned function is
	// called once when the request has ended. Nil means no admission control.
	Admit func(context.Context, Ask) (ended func(Attempt), err error)
	// Leave is called immediately before the bytes of a change are written to the connection. An
	// error of Leave prevents the write. Leave requires a Transport with connections made by
	// NewTransport. Nil permits every change.
	Leave func(context.Context) error
	// Trip is the number of consecutive failures after which the circuit breaker of an account
	// opens. While the breaker is open, calls fail at once, except for a trial call every two
	// seconds. 0 disables the breaker.
	Trip int
	// OnCredential is called when a changed credential file is put in force, or cannot be. There is
	// at most one call at a time per account. OnCredential must return quickly, and must not close
	// the client. Nil means no call.
	OnCredential func(CredentialEvent)
	// Files watches the credential files. If nil, each file is read once, and again when Cloudflare
	// refuses the credential in use.
	Files *filewatch.Watcher
}

// Ask describes a request before the request is sent.
type Ask struct {
	// Operation is the name of the method, such as "CreateSecrets".
	Operation string
	// Account is the identifier of the account.
	Account string
	// Changes reports that the request changes something.
	Changes bool
}

// Attempt describes one request to Cloudflare and its result. It holds no value, no credential and
// no text from Cloudflare.
type Attempt struct {
	// Operation is the name of the method, such as "CreateSecrets".
	Operation string
	// Account is the identifier of the account.
	Account string
	// Status is the HTTP status, or 0 without a response.
	Status int
	// Ray is Cloudflare's ray ID of the response, or empty.
	Ray string
	// Limit and Policy are Cloudflare's headers Ratelimit and Ratelimit-Policy, which describe the
	// whole budget of the account. Empty if absent.
	Limit, Policy string
	// Duration is the time from before the request to the end of the response.
	Duration time.Duration
	// Unsent reports that no byte of the request can have left.
	Unsent bool
	// RetryAfter is the retry delay requested by Cloudflare, or 0.
	RetryAfter time.Duration
	// Err is the *fault.Error of the attempt, or nil on success.
	Err error
}

// Client calls the API. It is safe for concurrent use.
type Client struct {
	accounts  directory
	transport http.RoundTripper
	timeout   time.Duration
	clock     func() time.Time
	observe   func(context.Context, Attempt)
	admit     func(context.Context, Ask) (func(Attempt), error)
	leave     func(context.Context) error
	work      *background
}

// New makes a client. It reads every credential once but makes no calls, so that Storekeeper starts
// while Cloudflare is down. A credential that changes later is put in force once Cloudflare has
// accepted it. The error lists all mistakes, and contains no part of a credential.
func New(c Config) (*Client, error) {
	c = c.withDefaults()
	if strings.ContainsFunc(c.UserAgent, unicode.IsControl) {
		return nil, errors.New("user agent holds a character that no header may carry")
	}
	accounts, err := newDirectory(c)
	if err != nil {
		accounts.close()
		return nil, err
	}
	client := &Client{
		accounts:  accounts,
		transport: c.Transport,
		timeout:   c.Timeout,
		clock:     c.Clock,
		observe:   c.Observe,
		admit:     c.Admit,
		leave:     c.Leave,
		work:      newBackground(),
	}
	client.rotateCredentials()
	return client, nil
}

// rotateCredentials enables the rotation of credentials from files.
func (c *Client) rotateCredentials() {
	for _, info := range c.accounts.infos {
		a := c.accounts.byKey[info.ID]
		if a.secret.rotation == nil {
			continue
		}
		a.secret.enable(c.work.start, func(ctx context.Context, n *candidate) error { return c.prove(ctx, a, n) })
	}
}

func (c Config) withDefaults() Config {
	if c.Transport == nil {
		c.Transport = NewTransport()
	}
	if c.UserAgent == "" {
		c.UserAgent = defaultAgent
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Observe == nil {
		c.Observe = func(context.Context, Attempt) {}
	}
	if c.Admit == nil {
		c.Admit = func(context.Context, Ask) (func(Attempt), error) { return func(Attempt) {}, nil }
	}
	if c.OnCredential == nil {
		c.OnCredential = func(CredentialEvent) {}
	}
	return c
}

// Accounts lists the served accounts, sorted by name.
func (c *Client) Accounts() []AccountInfo {
	return append([]AccountInfo(nil), c.accounts.infos...)
}

// Close stops the test of new credentials and waits for its end. It closes the idle connections,
// also of a given transport. Running calls are not affected.
func (c *Client) Close() {
	c.accounts.close()
	c.work.stop()
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
