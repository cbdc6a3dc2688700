// Package upstream speaks to Cloudflare's Secrets Store API with the platform's
// own credentials.
//
// It must not know who is calling, what Storekeeper's own contract looks like,
// or any protocol but Cloudflare's: it takes and gives Cloudflare's view of
// stores and secrets, and faults. It never repeats a change that Cloudflare may
// have made, keeps no secret value after the call, and lets no text of
// Cloudflare's out that was not checked.
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

// Config is what a Client is made from.
type Config struct {
	// Accounts are the accounts to serve, at least one. Identifiers and names
	// are unique among them.
	Accounts []Account
	// Transport carries the requests. Nil means a transport of the client's
	// own, which is right unless it has to be wrapped for tracing (see
	// NewTransport).
	Transport http.RoundTripper
	// UserAgent names the program to Cloudflare. Empty means "storekeeper".
	UserAgent string
	// Timeout bounds each request, from when it may be sent to the end of its
	// answer. 0 means 30 seconds.
	Timeout time.Duration
	// Clock tells the time. Nil means time.Now.
	Clock func() time.Time
	// Observe hears of every request that was sent, after its answer was
	// understood. It is called by the calling goroutine, or by one of the
	// client's own with a context that belongs to no call where a new credential
	// is tried, and must be quick. Nil means that nobody listens.
	Observe func(context.Context, Attempt)
	// Admit is asked before each request is sent, and lets it wait for its turn.
	// Its error, a fault, ends the call with nothing sent. What it returns
	// otherwise is called once, when the request has ended. Nil: nobody is asked.
	Admit func(context.Context, Ask) (ended func(Attempt), err error)
	// Leave is asked last of all, right before the bytes of a change are handed to
	// the connection, and says why they must not be any more. Such a change is not
	// sent. It needs a Transport whose connections NewTransport made. Nil: every
	// change may leave.
	Leave func(context.Context) error
	// Trip is after how many failures in a row an account is left alone for a
	// while: calls fail at once then, but for one every other second that finds
	// out whether Cloudflare is back. 0: never.
	Trip int
	// OnCredential hears of every change of a credential file, when the new
	// credential was put in force and when it could not be. It is called by one
	// goroutine at a time for each account, must be quick, and must not close the
	// client. Nil means that nobody listens.
	OnCredential func(CredentialEvent)
	// Files watches the credential files. Nil: they are read once, and again
	// when Cloudflare refuses the credential in use.
	Files *filewatch.Watcher
}

// Ask is a request that is about to be sent.
type Ask struct {
	// Operation is the name of the method, such as "CreateSecrets".
	Operation string
	// Account is the identifier of the account.
	Account string
	// Changes says that it changes something.
	Changes bool
}

// Attempt is one request to Cloudflare, as seen from here. It holds no value,
// no credential and no text of Cloudflare's.
type Attempt struct {
	// Operation is the name of the method, such as "CreateSecrets".
	Operation string
	// Account is the identifier of the account.
	Account string
	// Status is the HTTP status, 0 where no answer came.
	Status int
	// Ray is Cloudflare's identifier for its answer, empty where none came.
	Ray string
	// Limit and Policy are Cloudflare's headers Ratelimit and Ratelimit-Policy,
	// about the account's whole budget. Empty where none came.
	Limit, Policy string
	// Duration is the time from before the request to the whole answer.
	Duration time.Duration
	// Unsent says that nothing of the request can have left.
	Unsent bool
	// RetryAfter is how long Cloudflare asks to be left alone. 0 where it did not.
	RetryAfter time.Duration
	// Err is the *fault.Error that the attempt ended in, nil on success.
	Err error
}

// Client calls the API. It is safe for concurrent use.
type Client struct {
	accounts  directory
	transport http.RoundTripper
	agent     []string
	timeout   time.Duration
	clock     func() time.Time
	observe   func(context.Context, Attempt)
	admit     func(context.Context, Ask) (func(Attempt), error)
	leave     func(context.Context) error
	work      *background
}

// New makes a client. It reads every credential once and tries none, so that it
// works while Cloudflare is down. A credential whose file changes later is put
// in force once Cloudflare has accepted it. The error names all that is wrong,
// and holds nothing of a credential.
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
		agent:     []string{c.UserAgent},
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

// rotateCredentials lets the credentials that come from files change.
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

// Accounts lists the accounts that are served, sorted by name.
func (c *Client) Accounts() []AccountInfo {
	return append([]AccountInfo(nil), c.accounts.infos...)
}

// Close ends the trial of new credentials, waits for its end, and closes the
// idle connections, those of a given transport too. Calls that run are not
// disturbed.
func (c *Client) Close() {
	c.accounts.close()
	c.work.stop()
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
