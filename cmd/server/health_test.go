package main

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/authn/authntest"
	"platform.internal/storekeeper/internal/tlsfiles"
)

// askHealth runs the command and gives its exit code and what it wrote.
func askHealth(args ...string) (code int, out, err string) {
	var wrote, complained transcript
	code = run(context.Background(), append([]string{"health"}, args...), terminal{out: &wrote, err: &complained})
	return code, wrote.String(), complained.String()
}

func TestHealthTellsWhetherTheServiceIsReady(t *testing.T) {
	p := start(t, setup{})
	code, out, complaint := askHealth("--admin", strings.TrimPrefix(p.admin, "http://"))
	if code != exitOK || !strings.Contains(out, `"status":"ready"`) || complaint != "" {
		t.Errorf("a ready service gave %d, %q, %q", code, out, complaint)
	}
}

func TestHealthFailsWhereTheServiceIsNotReady(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the command went elsewhere")
	}))
	defer elsewhere.Close()
	for name, test := range map[string]struct {
		status int
		header string
		want   string
	}{
		"draining":             {http.StatusServiceUnavailable, "", "503 Service Unavailable: draining"},
		"another program":      {http.StatusNotFound, "", "404 Not Found"},
		"sent somewhere else":  {http.StatusFound, elsewhere.URL, "302 Found"},
		"success with no body": {http.StatusNoContent, "", "204 No Content"},
	} {
		t.Run(name, func(t *testing.T) {
			admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.URL.Path != "/readyz" {
					t.Errorf("asked %s %s", r.Method, r.URL)
				}
				if test.header != "" {
					w.Header().Set("Location", test.header)
				}
				w.WriteHeader(test.status)
				if test.status == http.StatusServiceUnavailable {
					_, _ = w.Write([]byte("draining\n"))
				}
			}))
			defer admin.Close()
			code, out, complaint := askHealth("--admin", admin.Listener.Addr().String())
			if code != exitFailed || out != "" || !strings.Contains(complaint, test.want) {
				t.Errorf("got %d, %q, %q; want %d and %q", code, out, complaint, exitFailed, test.want)
			}
		})
	}
}

func TestHealthAsksOverTLS(t *testing.T) {
	authority := authntest.NewAuthority(t)
	own, unlike := t.TempDir(), t.TempDir()
	certFile, keyFile := authntest.WriteFiles(t, own, authority.Sign(authntest.Leaf{DNS: []string{"storekeeper.example.com"}}))
	otherFile, _ := authntest.WriteFiles(t, unlike, authority.Sign(authntest.Leaf{DNS: []string{"storekeeper.example.com"}}))
	noneFile := filepath.Join(t.TempDir(), "tls.crt")
	if err := os.WriteFile(noneFile, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	admin := secureAdmin(t, certFile, keyFile)
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"its own certificate":                    {[]string{"--tls-cert", certFile}, exitOK, "ready"},
		"another certificate of the authority":   {[]string{"--tls-cert", otherFile}, exitFailed, "certificate"},
		"no certificate, to a listener with TLS": {nil, exitFailed, "400 Bad Request"},
		"a file without a certificate":           {[]string{"--tls-cert", noneFile}, exitFailed, "must begin with a certificate"},
		"a key for a certificate":                {[]string{"--tls-cert", keyFile}, exitFailed, "must begin with a certificate"},
		"a file that is missing":                 {[]string{"--tls-cert", filepath.Join(own, "none")}, exitFailed, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, complaint := askHealth(append([]string{"--admin", admin}, test.args...)...)
			if code != test.code || !strings.Contains(out+complaint, test.want) {
				t.Errorf("got %d, %q, %q; want %d and %q", code, out, complaint, test.code, test.want)
			}
		})
	}
}

// secureAdmin serves a ready service over TLS, as the admin listener does, and
// gives its address.
func secureAdmin(t *testing.T, certFile, keyFile string) string {
	t.Helper()
	files, err := tlsfiles.New(tlsfiles.Config{CertFile: certFile, KeyFile: keyFile})
	if err != nil {
		t.Fatal(err)
	}
	admin := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ready"))
	}))
	admin.Config.ErrorLog = log.New(io.Discard, "", 0) // Refused handshakes are what the test is about.
	admin.TLS = files.ServerOnly()
	admin.StartTLS()
	t.Cleanup(admin.Close)
	return admin.Listener.Addr().String()
}

func TestHealthFailsWhereNobodyListens(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := taken.Addr().String()
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	if code, _, complaint := askHealth("--admin", address); code != exitFailed || !strings.Contains(complaint, "connect") {
		t.Errorf("got %d, %q", code, complaint)
	}
}

func TestHealthRefusesAnAddressThatIsNone(t *testing.T) {
	for _, address := range []string{"", "9091", "http://127.0.0.1:9091"} {
		if code, _, complaint := askHealth("--admin", address); code != exitUsage || !strings.Contains(complaint, "--admin") {
			t.Errorf("%q gave %d, %q", address, code, complaint)
		}
	}
}
