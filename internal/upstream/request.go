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
	// maxPerPage is Cloudflare's maximum number of items per page.
	maxPerPage = 100
	jsonType   = "application/json"
)

// jsonTypes is a shared header value. It must not be changed.
var jsonTypes = []string{jsonType}

// request builds the HTTP request. All headers are set here; none comes from the caller.
func (c *Client) request(ctx context.Context, x *exchange) (*http.Request, error) {
	var body io.Reader
	if x.body != nil {
		// NewRequest can rewind a bytes.Reader, so that the transport can switch to another
		// connection if a kept connection dies before a byte was written.
		body = bytes.NewReader(x.body)
	}
	request, err := http.NewRequestWithContext(ctx, x.method, "", body)
	if err != nil {
		return nil, err
	}
	base := x.place.account.base
	request.URL = &url.URL{Scheme: base.Scheme, Host: base.Host, Path: base.Path + x.place.path, RawQuery: x.query}
	request.Host = base.Host
	// The names are in canonical form. The shared values must not be changed.
	request.Header = make(http.Header, 4)
	request.Header["Accept"], request.Header["User-Agent"] = jsonTypes, c.agent
	if x.body != nil {
		request.Header["Content-Type"] = jsonTypes
	}
	x.cred.put(request.Header)
	return request, nil
}

// encode makes the JSON of a request body of about size bytes. It does not escape HTML characters,
// because each escape makes a value longer.
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

// query collects the query parameters that are set.
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

// list joins values with bare commas, the form of Cloudflare's contract. An escaped comma belongs
// to a value.
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

// page adds the parameters common to all lists.
func (q *query) page(p Paging) {
	q.number("page", p.Page)
	q.number("per_page", min(p.PerPage, maxPerPage))
	q.text("order", p.Order)
	q.text("direction", p.Direction)
}

func (q *query) String() string { return strings.Join(*q, "&") }
