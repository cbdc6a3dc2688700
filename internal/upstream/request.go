package upstream

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// maxPerPage is Cloudflare's maximum number of items per page.
	maxPerPage = 100
	jsonType   = "application/json"
)

// request builds the HTTP request. All headers are those of the credential; none comes from the
// caller. http.NewRequest would check and copy again what is known to be valid.
func (x *exchange) request(ctx context.Context) *http.Request {
	base := x.place.account.base
	x.url = url.URL{Scheme: base.Scheme, Host: base.Host, Path: x.place.path, RawQuery: x.query}
	request := (&http.Request{
		Method:     x.method,
		URL:        &x.url,
		Host:       base.Host,
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header:     x.cred.headers.withoutBody,
	}).WithContext(ctx)
	if x.body != nil {
		request.Header = x.cred.headers.withBody
		request.ContentLength = int64(len(x.body))
		x.sent.Reset(x.body)
		request.Body = &x.sent
		// The transport can switch to another connection if a kept connection dies before a byte
		// was written.
		request.GetBody = func() (io.ReadCloser, error) {
			again := &requestBody{}
			again.Reset(x.body)
			return again, nil
		}
	}
	return request
}

// requestBody is the body of a request.
type requestBody struct{ bytes.Reader }

// Close does nothing.
func (*requestBody) Close() error { return nil }

// encode makes the JSON of a request body. It escapes no more than JSON requires, because each escape
// makes a value longer. A nil list is encoded as []. body is a pointer, because a struct would be copied.
func encode(body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fault.New(fault.Internal, fault.ReasonInternal, "Storekeeper failed to write its request to Cloudflare.")
	}
	return text, nil
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
