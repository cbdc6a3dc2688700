package telemetry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/telemetry"
)

func TestAdminPages(t *testing.T) {
	_, base := serve(t, telemetry.AdminOptions{})
	for name, test := range map[string]struct {
		method, path, kind string
		status             int
		holds              string
	}{
		"alive":                 {"GET", "/livez", "application/json", 200, `{"status":"live"}`},
		"ready without checks":  {"GET", "/readyz", "application/json", 200, `{"status":"ready","checks":[]}`},
		"probe by HEAD":         {"HEAD", "/readyz", "application/json", 200, ""},
		"metrics":               {"GET", "/metrics", "text/plain", 200, `storekeeper_build_info{goversion="go`},
		"profiles":              {"GET", "/debug/pprof/", "text/html", 200, "goroutine"},
		"profile by name":       {"GET", "/debug/pprof/goroutine?debug=1", "text/plain", 200, "goroutine profile"},
		"command line":          {"GET", "/debug/pprof/cmdline", "text/plain", 200, "telemetry"},
		"symbols":               {"GET", "/debug/pprof/symbol", "text/plain", 200, "num_symbols"},
		"probes cannot be sent": {"POST", "/readyz", "application/json", 405, `{"error":"only GET and HEAD"}`},
		"no such page":          {"GET", "/", "application/json", 404, `{"error":"no such page`},
		"no page under a probe": {"GET", "/livez/x", "application/json", 404, `{"error":"no such page`},
		"no API here":           {"POST", "/client/v4/accounts", "application/json", 404, `{"error":"no such page`},
	} {
		t.Run(name, func(t *testing.T) {
			res, body := ask(t, test.method, base+test.path)
			if res.StatusCode != test.status || !strings.Contains(body, test.holds) {
				t.Errorf("got %d %s, want %d %s", res.StatusCode, body, test.status, test.holds)
			}
			if kind := res.Header.Get("Content-Type"); !strings.HasPrefix(kind, test.kind) {
				t.Errorf("Content-Type is %s, want %s", kind, test.kind)
			}
			if res.Header.Get("Cache-Control") != "no-store" {
				t.Error("the answer may be cached")
			}
		})
	}
}

func TestReadyOnlyWhenEachCheckHolds(t *testing.T) {
	fine := telemetry.Check{Name: "credentials", Run: func(context.Context) error { return nil }}
	for name, test := range map[string]struct {
		check  func(context.Context) error
		status int
		body   string
	}{
		"holds": {
			func(context.Context) error { return nil }, 200,
			`{"status":"ready","checks":[{"name":"credentials","ok":true},{"name":"upstream","ok":true}]}`,
		},
		"fails": {
			func(context.Context) error { return errors.New("refused") }, 503,
			`{"status":"not ready","checks":[{"name":"credentials","ok":true},{"name":"upstream","ok":false,"error":"refused"}]}`,
		},
		"panics": {
			func(context.Context) error { panic("broken") }, 503,
			`{"status":"not ready","checks":[{"name":"credentials","ok":true},{"name":"upstream","ok":false,"error":"the check panicked"}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, base := serve(t, telemetry.AdminOptions{Checks: []telemetry.Check{fine, {Name: "upstream", Run: test.check}}})
			res, body := ask(t, "GET", base+"/readyz")
			if res.StatusCode != test.status || strings.TrimSpace(body) != test.body {
				t.Errorf("got %d %s, want %d %s", res.StatusCode, body, test.status, test.body)
			}
		})
	}
}

// The limit is short, and the check ends only at the end of the test: an answer proves that the
// probe did not wait for the check.
func TestCheckThatHangsDoesNotHoldTheProbe(t *testing.T) {
	release := make(chan struct{})
	ended := make(chan struct{})
	_, base := serve(t, telemetry.AdminOptions{
		CheckTimeout: time.Millisecond,
		Checks: []telemetry.Check{{Name: "upstream", Run: func(context.Context) error {
			defer close(ended)
			<-release
			return nil
		}}},
	})
	res, body := ask(t, "GET", base+"/readyz")
	if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "took too long") {
		t.Errorf("got %d %s", res.StatusCode, body)
	}
	close(release)
	<-ended
}

func TestCheckIsToldToStop(t *testing.T) {
	_, base := serve(t, telemetry.AdminOptions{
		CheckTimeout: time.Millisecond,
		Checks: []telemetry.Check{{Name: "upstream", Run: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}},
	})
	if res, body := ask(t, "GET", base+"/readyz"); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got %d %s", res.StatusCode, body)
	}
}

func TestDrainingIsNotReadyButAlive(t *testing.T) {
	admin, base := serve(t, telemetry.AdminOptions{})
	admin.Drain()
	if res, body := ask(t, "GET", base+"/readyz"); res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, `"status":"draining"`) {
		t.Errorf("got %d %s", res.StatusCode, body)
	}
	if res, body := ask(t, "GET", base+"/livez"); res.StatusCode != http.StatusOK {
		t.Errorf("got %d %s", res.StatusCode, body)
	}
}

// serve runs the admin pages on a port of their own.
func serve(t *testing.T, o telemetry.AdminOptions) (*telemetry.Admin, string) {
	t.Helper()
	o.Metrics = newMetrics(t)
	admin := telemetry.NewAdmin(o)
	server := httptest.NewServer(admin)
	t.Cleanup(server.Close)
	return admin, server.URL
}

func ask(t *testing.T, method, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}
