package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/gateway"
	"platform.internal/storekeeper/internal/server"
)

// longest is a value of the greatest length, each byte of which JSON writes as
// six.
var longest = strings.Repeat("\x01", 64<<10)

// batchOf is a request of n secrets with a value.
func batchOf(store string, n int, value string) *secretsstorev1.CreateSecretsRequest {
	r := &secretsstorev1.CreateSecretsRequest{AccountId: accountID, StoreId: store}
	for i := range n {
		r.Secrets = append(r.Secrets, &secretsstorev1.NewSecret{Name: fmt.Sprintf("S%d", i), Value: value, Scopes: []string{"dex"}})
	}
	return r
}

// batchJSON is the same as a REST body, each byte of the value escaped.
func batchJSON(n int, value string) *bytes.Buffer {
	var escaped bytes.Buffer
	for i := range len(value) {
		_, _ = fmt.Fprintf(&escaped, `\u%04x`, value[i])
	}
	var b bytes.Buffer
	for i := range n {
		_, _ = fmt.Fprintf(&b, `%s{"name":"S%d","value":"%s","scopes":["dex"]}`, map[bool]string{true: "[", false: ","}[i == 0], i, escaped.Bytes())
	}
	b.WriteByte(']')
	return &b
}

func TestFact22TheLargestBatchPasses(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("store")
	body := batchJSON(100, longest)
	if body.Len() < 37<<20 || body.Len() > gateway.MaxBody {
		t.Fatalf("the body is of %d bytes", body.Len())
	}
	got, err := p.try(context.Background(), "POST", "stores/"+w.store+"/secrets", body)
	if err != nil || got.status != http.StatusOK || len(got.Result.([]any)) != 100 {
		t.Fatalf("rest: %v %d %.300s", err, got.status, got.body)
	}
	p.holds(w.store, "S0", longest)
	p.holds(w.store, "S99", longest)

	w = p.given("store")
	if got := p.send(context.Background(), "CreateSecrets", batchOf(w.store, 100, longest)); got.err != nil {
		t.Fatal(got.err)
	}
	p.holds(w.store, "S0", longest)
	p.holds(w.store, "S99", longest)
}

func (p *program) holds(store, name, value string) {
	p.t.Helper()
	if got, ok := p.cf.Value(accountID, store, name); !ok || got != value {
		p.t.Errorf("%s is of %d bytes, want %d", name, len(got), len(value))
	}
}

func TestFact22ABatchOf101IsRefused(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("store")
	got := p.do("POST", "stores/"+w.store+"/secrets", batchJSON(101, "v").String())
	if got.status != http.StatusBadRequest || got.errors()[0] != "1001 invalid_json_body" || got.messages()[0] != "body: must have at most 100 items" {
		t.Errorf("rest: %d %s", got.status, got.body)
	}
	for _, item := range []string{"1,", "{},", `{"x":1,"name":7},`} {
		got := p.do("POST", "stores/"+w.store+"/secrets", "["+strings.Repeat(item, 100_000)+"{}]")
		if got.status != http.StatusBadRequest || len(got.Messages) != 1 || got.messages()[0] != "body: must have at most 100 items" {
			t.Errorf("rest, %s: %d %.1000s", item, got.status, got.body)
		}
	}
	r := p.send(context.Background(), "CreateSecrets", batchOf(w.store, 101, "v"))
	if r.code != codes.InvalidArgument || r.blamed()[0] != "secrets: must have at most 100 items" {
		t.Errorf("grpc: %v", r.err)
	}
}

func TestFact22ABodyThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("store")
	before := len(p.cf.Requests())
	item := `"` + strings.Repeat("v", 1000) + `",`
	body := "[" + strings.Repeat(item, gateway.MaxBody/len(item)+1)
	for name, body := range map[string]io.Reader{"of known length": strings.NewReader(body), "of unknown length": struct{ chunks }{strings.NewReader(body)}} {
		got, err := p.try(context.Background(), "POST", "stores/"+w.store+"/secrets", body)
		if err != nil || got.status != http.StatusRequestEntityTooLarge || got.errors()[0] != "1001 request_too_large" {
			t.Errorf("%s: %v %d %.300s", name, err, got.status, got.body)
		}
	}
	r := p.send(context.Background(), "CreateSecrets", batchOf(w.store, 100, strings.Repeat("v", server.MaxMessage/100)))
	if r.code != codes.ResourceExhausted {
		t.Errorf("grpc: %v", r.err)
	}
	if n := len(p.cf.Requests()) - before; n != 0 {
		t.Errorf("Cloudflare was asked %d times", n)
	}
}

// dialREST opens a connection for bytes that no HTTP client would send.
func (p *program) dialREST() net.Conn {
	p.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", strings.TrimPrefix(p.rest, "http://"))
	if err != nil {
		p.t.Fatal(err)
	}
	return conn
}

// An unauthenticated client is refused before the body is sent, and the
// connection is closed.
func TestTheBodyOfAStrangerIsNotRead(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	for name, header := range map[string]string{
		"with a length":      "Content-Length: 40000000",
		"in chunks":          "Transfer-Encoding: chunked",
		"after asking first": "Content-Length: 40000000\r\nExpect: 100-continue",
	} {
		t.Run(name, func(t *testing.T) {
			conn := p.dialREST()
			defer conn.Close()
			_, err := fmt.Fprintf(conn, "POST /client/v4/accounts/%s/secrets_store/stores HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", accountID, header)
			if err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(conn)
			answer, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != http.StatusUnauthorized || !strings.Contains(string(body), `"code":10000`) {
				t.Errorf("%v %d %s", err, answer.StatusCode, body)
			}
			if !answer.Close {
				t.Error("the connection is kept")
			}
		})
	}
	for _, size := range []int{100, 1 << 20, 20 << 20} {
		got, err := p.try(context.Background(), "POST", "stores", bytes.NewReader(make([]byte, size)), "Authorization:")
		if err != nil || got.status != http.StatusUnauthorized {
			t.Errorf("%d bytes: %v %d", size, err, got.status)
		}
	}
}

// A truncated body may be complete JSON, and is refused anyway.
func TestABodyThatBreaksOffIsNotExecuted(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	for name, body := range map[string]string{
		"before its length":     "Content-Length: 100\r\n\r\n" + `{"name":"x"}`,
		"before its last chunk": "Transfer-Encoding: chunked\r\n\r\nc\r\n" + `{"name":"x"}` + "\r\n",
	} {
		conn := p.dialREST()
		_, err := fmt.Fprintf(conn, "POST /client/v4/accounts/%s/secrets_store/stores HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s", accountID, callerKey, body)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		// Whether an answer comes is up to net/http; the call must have ended.
		answer, _ := io.ReadAll(conn)
		_ = conn.Close()
		if len(answer) > 0 && !strings.Contains(string(answer), "body: must be valid JSON") {
			t.Errorf("%s: %s", name, answer)
		}
	}
	if n := len(p.cf.Requests()); n != 0 {
		t.Errorf("Cloudflare was asked %d times", n)
	}
}

// net/http answers unreadable requests itself, in plain text. HTTP clients can
// only get the last of these answers, by sending headers or a path of more than
// 64 KiB.
func TestOnlyWhatIsNoRequestIsAnsweredWithoutAnEnvelope(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	for request, want := range map[string]string{
		"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n":                                        "400 Bad Request",
		"nonsense\r\n\r\n":                                                            "400 Bad Request",
		"GET /client/v4/user HTTP/1.1\r\n\r\n":                                        "400 Bad Request: missing required Host header",
		"GET /" + strings.Repeat("x", 70_000) + " HTTP/1.1\r\nHost: x\r\n\r\n":        "431 Request Header Fields Too Large",
		"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 70_000) + "\r\n\r\n": "431 Request Header Fields Too Large",
	} {
		conn := p.dialREST()
		_, _ = io.WriteString(conn, request)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%.40q: %v", request, err)
		}
		body, _ := io.ReadAll(answer.Body)
		if string(body) != want || !answer.Close {
			t.Errorf("%.40q: %d %s", request, answer.StatusCode, body)
		}
		_ = conn.Close()
	}
}
