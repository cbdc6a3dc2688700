package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// checkedTransport checks every REST answer against Cloudflare's contract, the
// document that the program serves, and rules that neither document can
// express.
type checkedTransport struct {
	t    testing.TB
	base *http.Transport
	own  *served
}

func newCheckedTransport(t testing.TB, rest string) *checkedTransport {
	c := &checkedTransport{t: t, base: &http.Transport{}, own: &served{rest: rest}}
	t.Cleanup(c.base.CloseIdleConnections)
	return c
}

// RoundTrip sends a request and checks its answer.
func (c *checkedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := c.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil || strings.HasPrefix(r.URL.Path, "/docs") || r.URL.Path == "/openapi.json" || r.Method == http.MethodHead {
		return answer, err
	}
	if err := c.check(r, answer, body); err != nil {
		c.t.Errorf("%s %.300s: status %d: %v in %.500s", r.Method, r.URL, answer.StatusCode, err, body)
	}
	return answer, nil
}

func (c *checkedTransport) check(r *http.Request, answer *http.Response, body []byte) error {
	if strings.HasPrefix(r.URL.Path, "/storekeeper/") {
		return c.checkNative(r, answer, body)
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return err
	}
	if err := checkForm(answer, e, body); err != nil {
		return err
	}
	path := "/" + strings.TrimLeft(r.URL.Path, "/")
	path = "/" + strings.TrimLeft(strings.TrimPrefix(path, "/client/v4"), "/")
	if err := checkCloudflare(r.Method, path, answer.StatusCode, body); err != nil {
		return fmt.Errorf("cloudflare's contract: %w", err)
	}
	own, err := c.own.document(c.base)
	if err != nil {
		return err
	}
	if err := own.check(r.Method, "/client/v4"+path, answer, body, "Failure"); err != nil {
		return fmt.Errorf("/openapi.json: %w", err)
	}
	return nil
}

// checkNative checks an answer of Storekeeper's own API.
func (c *checkedTransport) checkNative(r *http.Request, answer *http.Response, body []byte) error {
	if err := checkAnswer(answer, body); err != nil {
		return err
	}
	var fields map[string]any
	if err := json.Unmarshal(body, &fields); err != nil {
		return err
	}
	if _, is := fields["success"]; is {
		return fmt.Errorf("the envelope of Cloudflare's API")
	}
	own, err := c.own.document(c.base)
	if err != nil {
		return err
	}
	if err := own.check(r.Method, r.URL.Path, answer, body, "StorekeeperStatus"); err != nil {
		return fmt.Errorf("/openapi.json: %w", err)
	}
	return nil
}

// checkAnswer checks the rules of all answers of both APIs.
func checkAnswer(answer *http.Response, body []byte) error {
	h := answer.Header
	switch {
	case bytes.Contains(body, []byte(platformToken)), bytes.Contains(body, []byte(callerKey)):
		return fmt.Errorf("a credential")
	case h.Get("Content-Type") != "application/json":
		return fmt.Errorf("content type %q", h.Get("Content-Type"))
	case h.Get("Content-Length") != strconv.Itoa(len(body)):
		return fmt.Errorf("content length %q of %d bytes", h.Get("Content-Length"), len(body))
	case !requestIDForm.MatchString(h.Get("X-Request-Id")):
		return fmt.Errorf("request id %q", h.Get("X-Request-Id"))
	case h.Get("X-Content-Type-Options") != "nosniff", h.Get("Location") != "", h.Get("Set-Cookie") != "":
		return fmt.Errorf("headers %v", h)
	}
	return nil
}

var (
	envelopeForm  = regexp.MustCompile(`(?s)^\{"result":.*,"success":(true|false),"errors":\[.*\],"messages":\[.*\](,"result_info":\{.*\})?\}$`)
	requestIDForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
)

// checkForm checks the rules of all answers, for any request.
func checkForm(answer *http.Response, e envelope, body []byte) error {
	if err := checkAnswer(answer, body); err != nil {
		return err
	}
	has := func(code int) bool {
		return slices.ContainsFunc(e.Errors, func(n notice) bool { return n.Code == code })
	}
	switch failed := answer.StatusCode >= http.StatusBadRequest; {
	case !envelopeForm.Match(body):
		return fmt.Errorf("not the envelope")
	case e.Success == failed, failed == (len(e.Errors) == 0), failed && e.Result != nil:
		return fmt.Errorf("the envelope says otherwise than the status")
	case answer.StatusCode == http.StatusUnauthorized:
		return checkRefused(answer.Request.URL.Path, has)
	case has(10000), has(9106):
		return fmt.Errorf("codes 10000 and 9106 are for authentication only")
	case has(9109) != (answer.StatusCode == http.StatusForbidden):
		return fmt.Errorf("code 9109 is for 403 only")
	case (answer.StatusCode == http.StatusConflict) != slices.ContainsFunc(e.Errors, func(n notice) bool { return n.Message == "store_not_empty" }):
		return fmt.Errorf("409 is for store_not_empty only")
	}
	return nil
}

// checkRefused checks the code of a refused credential: Wrangler reads the
// codes of the endpoints about a credential's user.
func checkRefused(path string, has func(int) bool) error {
	want := 10000
	switch {
	case strings.HasSuffix(path, "/tokens/verify"):
		want = 1000
	case strings.HasSuffix(path, "/user"), strings.HasSuffix(path, "/accounts"):
		want = 9109
	}
	for _, code := range []int{1000, 9106, 9109, 10000} {
		if has(code) != (code == want) {
			return fmt.Errorf("%s: code %d for a refused credential, want %d alone", path, code, want)
		}
	}
	return nil
}

// cloudflareSchema is Cloudflare's OpenAPI document, corrected where the live API
// is known to differ.
var cloudflareSchema = sync.OnceValues(func() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromFile("../../internal/emulator/testdata/secrets-store.openapi.json")
	if err != nil {
		return nil, err
	}
	schemas := doc.Components.Schemas
	// The answer is null without a comment.
	schemas["secrets-store_comment"].Value.Nullable = true
	// 971, the code of a spent budget, is below the declared minimum.
	schemas["secrets-store_messages"].Value.Items.Value.Properties["code"].Value.Min = new(971.0)
	return doc, nil
})

// checkCloudflare holds an answer against the schema of its operation and
// status, or of any failure if there is none.
func checkCloudflare(method, path string, status int, body []byte) error {
	doc, err := cloudflareSchema()
	if err != nil {
		return err
	}
	schema := doc.Components.Schemas["secrets-store_api-response-common-failure"].Value
	item := doc.Paths.Value(template(path, doc.Paths.Keys()))
	if item != nil && item.GetOperation(method) != nil {
		responses := item.GetOperation(method).Responses
		exact := responses.Value(strconv.Itoa(status))
		if exact == nil {
			exact = responses.Value(strconv.Itoa(status/100) + "XX")
		}
		if exact != nil {
			schema = exact.Value.Content.Get("application/json").Schema.Value
		}
	} else if status < http.StatusBadRequest {
		return nil
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return err
	}
	return schema.VisitJSON(value, openapi3.EnableFormatValidation())
}

// template finds the declared path that a path fits, or nothing.
func template(path string, declared []string) string {
	segments := strings.Split(path, "/")
	for _, d := range declared {
		if slices.EqualFunc(strings.Split(d, "/"), segments, func(want, sent string) bool {
			return want == sent || strings.HasPrefix(want, "{") && sent != ""
		}) {
			return d
		}
	}
	return ""
}
