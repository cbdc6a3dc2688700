package emulator

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// maxBody is the maximum size of a body, in bytes: a batch of 100 values of
	// 64 KiB in which JSON escapes each byte.
	maxBody = 48 << 20
	// maxDrain is how many more bytes are read and dropped, so that a client
	// can finish sending and then reads that the body is too large.
	maxDrain = 64 << 20
)

// errTooLarge is the error of a body of more than maxBody bytes.
var errTooLarge = errors.New("emulator: the body is too large")

// apiCall is a request during its execution.
type apiCall struct {
	routeMatch
	method  string
	path    string
	query   url.Values
	body    []byte
	bodyErr error
	header  http.Header
	// asOf is the time of the state that reads show. Zero: now.
	asOf time.Time
	// eraA makes store creation take an array (KindEraA).
	eraA bool
	// who is set after authentication.
	who callerCredential
	// account is set after the credential was checked for the account.
	account *accountState
}

func newCall(r *http.Request, routes []route) *apiCall {
	path := r.URL.EscapedPath()
	c := &apiCall{
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
		// An error while draining affects only the client.
		_, _ = io.CopyN(io.Discard, r.Body, maxDrain)
		return nil, errTooLarge
	}
	return body, nil
}

// operationID is empty if the request matches no operation.
func (c *apiCall) operationID() string {
	if c.operation == nil {
		return ""
	}
	return c.operation.id
}

func (c *apiCall) store() string { return c.names["store"] }

func (c *apiCall) secret() address {
	return address{storeID: c.names["store"], secretID: c.names["secret"]}
}

// seenAt returns the time of the state that a read shows.
func (c *apiCall) seenAt(now time.Time) time.Time {
	if c.asOf.IsZero() {
		return now
	}
	return c.asOf
}
