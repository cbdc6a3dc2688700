package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// reply is a complete REST answer.
type reply struct {
	status int
	header http.Header
	body   string
	envelope
}

// envelope is Cloudflare's envelope, in the order of the wire.
type envelope struct {
	Result     any      `json:"result"`
	Success    bool     `json:"success"`
	Errors     []notice `json:"errors"`
	Messages   []notice `json:"messages"`
	ResultInfo any      `json:"result_info"`
}

type notice struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Source  struct {
		Pointer string `json:"pointer"`
	} `json:"source"`
}

// String returns an error in the format of the cases: "1001 secret_name_empty /0/name".
func (n notice) String() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", n.Code, n.Message, n.Source.Pointer))
}

// errors returns the errors of an answer as texts.
func (r reply) errors() []string {
	var list []string
	for _, n := range r.Errors {
		list = append(list, n.String())
	}
	return list
}

// messages returns the texts of the notices.
func (r reply) messages() []string {
	var list []string
	for _, n := range r.Messages {
		list = append(list, n.Message)
	}
	return list
}

var identifier = regexp.MustCompile(`"id":"([0-9a-f]{32})"`)

// id is that of the result, or of the first of several.
func (r reply) id() string {
	if found := identifier.FindStringSubmatch(r.body); found != nil {
		return found[1]
	}
	return ""
}

// try sends a REST request as the caller. A path that does not begin with a
// slash is below the secrets store of the account. Headers are "Name: value"
// and replace the usual; "Name:" is not sent, "Name: " is sent empty, and a name
// that stands twice is sent twice.
func (p *program) try(ctx context.Context, method, path string, body io.Reader, headers ...string) (reply, error) {
	p.t.Helper()
	if !strings.HasPrefix(path, "/") {
		path = "/client/v4/accounts/" + accountID + "/secrets_store/" + path
	}
	r, err := http.NewRequestWithContext(ctx, method, p.rest+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+callerKey)
	given := map[string]bool{}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		if !given[name] {
			r.Header.Del(name)
		}
		given[name] = true
		if value != "" {
			r.Header.Add(name, strings.TrimSpace(value))
		}
	}
	answer, err := p.http.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	got := reply{status: answer.StatusCode, header: answer.Header, body: string(read)}
	if method != http.MethodHead && answer.Header.Get("Content-Type") == "application/json" {
		_ = json.Unmarshal(read, &got.envelope) // judged by checkedTransport
	}
	return got, err
}

// do is try for requests that get an answer.
func (p *program) do(method, path, body string, headers ...string) reply {
	p.t.Helper()
	got, err := p.try(context.Background(), method, path, strings.NewReader(body), headers...)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

// must is do for requests that succeed.
func (p *program) must(method, path, body string, headers ...string) reply {
	p.t.Helper()
	got := p.do(method, path, body, headers...)
	if got.status >= http.StatusBadRequest {
		p.t.Fatalf("%s %s: status %d, body %s", method, path, got.status, got.body)
	}
	return got
}

// store makes a store and gives its path.
func (p *program) store() string {
	p.t.Helper()
	return "stores/" + p.must("POST", "stores", `{"name":"default_secrets_store"}`).id()
}

// secret makes a secret with the scope workers and gives its path.
func (p *program) secret(store, name string) string {
	p.t.Helper()
	made := p.must("POST", store+"/secrets", `[{"name":"`+name+`","value":"v","scopes":["workers"]}]`)
	return store + "/secrets/" + made.id()
}

// page reads a page of the admin listener.
func (p *program) page(path string) (status int, body string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, p.admin+path, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	answer, err := p.http.Transport.(*checkedTransport).base.RoundTrip(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer.StatusCode, string(read)
}

// newClient makes a client that follows no redirect.
func newClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
