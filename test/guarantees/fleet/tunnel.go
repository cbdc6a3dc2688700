package fleet

import (
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Tunnel connects to an emulated Cloudflare over TLS and through an HTTP proxy,
// with a new connection for each request.
type Tunnel struct {
	// Relay is in front of the proxy. The first bytes of a client on each
	// connection are CONNECT.
	*Relay

	// URL is that of the emulated Cloudflare, without a path.
	URL string
	// Env has the environment variables that a replica needs.
	Env []string
}

// Tunnel opens a way for the length of the test.
func (c *Cloudflare) Tunnel(t testing.TB) *Tunnel {
	t.Helper()
	secured := httptest.NewUnstartedServer(c)
	secured.Config.SetKeepAlivesEnabled(false)
	secured.StartTLS()
	t.Cleanup(secured.Close)
	t.Cleanup(c.letGo)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw})
	if err := os.WriteFile(roots, text, 0o600); err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(connecting(secured.Listener.Addr().String()))
	t.Cleanup(proxy.Close)
	relay := StartRelay(t, proxy.Listener.Addr().String())
	return &Tunnel{
		Relay: relay,
		// A name of the certificate. No loopback address goes through a proxy.
		URL: "https://example.com",
		Env: []string{"HTTPS_PROXY=http://" + relay.Address(), "NO_PROXY=", "SSL_CERT_FILE=" + roots},
	}
}

// connecting is a proxy that only supports CONNECT to one target.
func connecting(target string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server, err := new(net.Dialer).DialContext(r.Context(), "tcp", target)
		if err != nil || r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer func() { _ = server.Close() }()
		client, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = client.Close() }()
		if _, err := io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
			return
		}
		var back sync.WaitGroup
		back.Go(func() {
			_, _ = io.Copy(client, server)
			_ = client.Close()
		})
		_, _ = io.Copy(server, client) // The end of one side ends both.
		_ = server.Close()
		back.Wait()
	})
}
