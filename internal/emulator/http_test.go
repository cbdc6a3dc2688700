package emulator_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"platform.internal/storekeeper/internal/emulator"
)

func TestPathsThatLeadNowhere(t *testing.T) {
	a := start(t, emulator.Config{ControlOff: true})
	a.header = http.Header{}
	for _, path := range []string{
		"/", "/client/v4", "/client/v4/", "/client/v5/accounts", "/client/v4/zones",
		"/client/v4/accounts/" + accountID, "/client/v4/accounts/", "/__emulator/faults",
		expand("store"), expand("Stores"),
		expand("stores/x/secrets/y/duplicate/z"), "/client/v4/accounts//secrets_store/stores",
	} {
		got := a.do("GET", path, "")
		if want := plainly(7000, "No route for that URI"); got.status != 404 || got.body != want {
			t.Errorf("%s: status %d, %s", path, got.status, got.body)
		}
	}
}

// TestAnEmptyIdentifierIsAGenericNotFound: a request with an empty identifier reaches the product, which has
// no such route.
func TestAnEmptyIdentifierIsAGenericNotFound(t *testing.T) {
	a := start(t, emulator.Config{})
	for _, path := range []string{expand("stores/"), expand("stores//secrets"), expand("stores/x/secrets/"), expand("stores/x/secrets//duplicate")} {
		for _, method := range []string{"GET", "DELETE"} {
			if got := a.do(method, path, ""); got.status != 404 || got.body != plainly(1000, "not found") {
				t.Errorf("%s %s: status %d, %s", method, path, got.status, got.body)
			}
		}
	}
}

func TestMethodsThatArePointless(t *testing.T) {
	a := start(t, emulator.Config{})
	cases := []struct{ method, path, allow string }{
		{"POST", "quota", "GET"},
		{"PUT", "stores", "GET, POST"},
		{"OPTIONS", "stores", "GET, POST"},
		{"HEAD", "stores", "GET, POST"},
		{"PATCH", "stores/x", "GET, DELETE"},
		{"PATCH", "stores/x/secrets", "GET, POST, DELETE"},
		{"POST", "stores/x/secrets/y", "GET, PATCH, DELETE"},
		{"GET", "stores/x/secrets/y/duplicate", "POST"},
		{"POST", "/client/v4/user", "GET"},
	}
	for _, c := range cases {
		got := a.do(c.method, c.path, "")
		want := plainly(7001, "Method not allowed for this URI")
		if c.method == "HEAD" {
			want = ""
		}
		if got.status != 405 || got.body != want || got.header.Get("Allow") != c.allow {
			t.Errorf("%s %s: status %d, allow %q, %s", c.method, c.path, got.status, got.header.Get("Allow"), got.body)
		}
	}
}

func TestBodiesUpToTheLimit(t *testing.T) {
	const limit = 48 << 20
	a := start(t, noLimits())
	for _, chunked := range []bool{false, true} {
		for size, status := range map[int]int{limit: 400, limit + 1: 413} {
			var body io.Reader = strings.NewReader(strings.Repeat(" ", size))
			if chunked {
				body = io.MultiReader(body)
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url+expand("stores"), body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header = a.header.Clone()
			r.Close = true
			answer, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			read, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if err != nil || answer.StatusCode != status {
				t.Errorf("%d bytes: %v, status %d, want %d", size, err, answer.StatusCode, status)
			}
			if want := plainly(1001, "request_too_large"); status == 413 && string(read) != want {
				t.Errorf("got %s, want %s", read, want)
			}
		}
	}
}

func TestABodyThatNeverComesWholeIsRefused(t *testing.T) {
	e := emulator.New(emulator.Config{})
	r := httptest.NewRequestWithContext(t.Context(), "POST", expand("stores"),
		io.MultiReader(strings.NewReader(`{"name":"s"}`), iotest.ErrReader(io.ErrUnexpectedEOF)))
	r.Header.Set("Authorization", "Bearer x")
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	if want := wrong("invalid_json_body||body: must be valid JSON"); w.Code != 400 || w.Body.String() != want {
		t.Errorf("status %d, %s", w.Code, w.Body)
	}
}

// TestTheServerDoesNotRedirect sends requests to which http.ServeMux would answer with a redirect. A
// redirected POST becomes a GET.
func TestTheServerDoesNotRedirect(t *testing.T) {
	a := start(t, emulator.Config{})
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintf(conn, "POST /client/v4//accounts/%s/secrets_store/../x HTTP/1.1\r\nHost: x\r\n"+
		"Content-Length: 0\r\nConnection: close\r\n\r\n", accountID)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("status %d, want 404", answer.StatusCode)
	}
}
