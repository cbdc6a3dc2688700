package emulator

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// maxBody is the largest body that is read: 48 MiB hold a batch of 100
	// values of 64 KiB even when each byte is escaped in JSON.
	maxBody = 48 << 20
	// maxDrain is how much more is read, and forgotten, so that a client can
	// finish sending and see that it sent too much.
	maxDrain = 64 << 20
)

// errTooLarge is a body of more than maxBody bytes.
var errTooLarge = errors.New("emulator: the body is too large")

// call is one request on its way through the emulator.
type call struct {
	routeMatch
	method  string
	path    string
	query   url.Values
	body    []byte
	bodyErr error
	header  http.Header
	// asOf is the moment that reads show; the zero time is now.
	asOf time.Time
	// eraA makes store creation take an array.
	eraA bool
	// who is set once the credential is checked.
	who credential
	// account is set once it is known that the credential may use it.
	account *accountState
}

func newCall(r *http.Request, routes []route) *call {
	path := r.URL.EscapedPath()
	c := &call{
		routeMatch: matchRoute(routes, r.Method, path),
		method:     r.Method,
		path:       path,
		query:      r.URL.Query(),
		header:     r.Header,
	}
	c.body, c.bodyErr = readBody(r)
	return c
}

func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		// What cannot be drained is the loss of the client alone.
		_, _ = io.CopyN(io.Discard, r.Body, maxDrain)
		return nil, errTooLarge
	}
	return body, nil
}

// operationID is empty when the request asks for nothing that exists.
func (c *call) operationID() string {
	if c.operation == nil {
		return ""
	}
	return c.operation.id
}

func (c *call) store() string { return c.names["store"] }

func (c *call) secret() address {
	return address{storeID: c.names["store"], secretID: c.names["secret"]}
}

// seenAt is the moment that a read shows.
func (c *call) seenAt(now time.Time) time.Time {
	if c.asOf.IsZero() {
		return now
	}
	return c.asOf
}
