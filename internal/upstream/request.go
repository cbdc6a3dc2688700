package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// maxPerPage is the most items that Cloudflare puts on a page.
	maxPerPage = 100
	jsonType   = "application/json"
)

// jsonTypes is the value of headers. It must not be changed.
var jsonTypes = []string{jsonType}

// request builds the HTTP request. Its headers are listed here and nowhere
// else; nothing of the caller's is among them.
func (c *Client) request(ctx context.Context, x *exchange) (*http.Request, error) {
	var body io.Reader
	if x.body != nil {
		// NewRequest knows how to read a bytes.Reader anew, which lets the
		// transport choose another connection when a kept one turns out dead
		// before a byte was written to it.
		body = bytes.NewReader(x.body)
	}
	request, err := http.NewRequestWithContext(ctx, x.method, "", body)
	if err != nil {
		return nil, err
	}
	base := x.place.account.base
	request.URL = &url.URL{Scheme: base.Scheme, Host: base.Host, Path: base.Path + x.place.path, RawQuery: x.query}
	request.Host = base.Host
	// The names are in canonical form. Nobody changes the shared values.
	request.Header = make(http.Header, 4)
	request.Header["Accept"], request.Header["User-Agent"] = jsonTypes, c.agent
	if x.body != nil {
		request.Header["Content-Type"] = jsonTypes
	}
	x.cred.put(request.Header)
	return request, nil
}

// encode makes the JSON of a request body of about size bytes. Characters that
// only HTML cares about are left alone, since each escape makes a value longer.
func encode(body any, size int) ([]byte, error) {
	var buffer bytes.Buffer
	buffer.Grow(size)
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return nil, fault.New(fault.Internal, fault.ReasonInternal, "Storekeeper failed to write its request to Cloudflare.")
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}

// query collects query parameters, those alone that are set.
type query []string

func (q *query) text(key, value string) {
	if value != "" {
		*q = append(*q, key+"="+url.QueryEscape(value))
	}
}

func (q *query) number(key string, value int) {
	if value > 0 {
		*q = append(*q, key+"="+strconv.Itoa(value))
	}
}

// list joins values with bare commas: the form that Cloudflare's contract
// declares, in which an escaped comma belongs to a value.
func (q *query) list(key string, values []string) {
	if len(values) == 0 {
		return
	}
	escaped := make([]string, len(values))
	for i, value := range values {
		escaped[i] = url.QueryEscape(value)
	}
	*q = append(*q, key+"="+strings.Join(escaped, ","))
}

// page adds what all lists have.
func (q *query) page(p Paging) {
	q.number("page", p.Page)
	q.number("per_page", min(p.PerPage, maxPerPage))
	q.text("order", p.Order)
	q.text("direction", p.Direction)
}

func (q *query) String() string { return strings.Join(*q, "&") }
