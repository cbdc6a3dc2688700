// Package wire sends requests that no SDK sends. It must not know the API.
package wire

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"

	"platform.internal/storekeeper/test/clients/script"
)

// Client sends requests to one side.
type Client struct {
	base, token string
	transport   *http.Transport
}

// New returns a client for an API below base, with a token.
func New(base, token string) *Client {
	return &Client{base: base, token: token, transport: &http.Transport{DisableCompression: true}}
}

// Do sends one request, follows no redirect, and returns the status and some
// headers of the answer.
func (c *Client) Do(ctx context.Context, call script.Call) (script.View, error) {
	if call.Op != script.Plain {
		return nil, script.ErrNotOffered
	}
	in := call.Request
	var body io.Reader
	if in.Body != "" {
		body = strings.NewReader(in.Body)
	}
	r, err := http.NewRequestWithContext(ctx, in.Method, c.base+in.Path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	for name, value := range in.Header {
		if r.Header.Set(name, value); value == "" {
			r.Header.Del(name)
		}
	}
	answer, err := c.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return nil, err
	}
	// The order of methods has no meaning.
	allow := strings.Split(answer.Header.Get("Allow"), ", ")
	slices.Sort(allow)
	return script.Seen(map[string]any{"status": answer.Status, "allow": allow, "location": answer.Header.Get("Location")})
}
