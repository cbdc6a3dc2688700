package tlsfiles_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"platform.internal/storekeeper/internal/authn/authntest"
	"platform.internal/storekeeper/internal/filewatch"
	"platform.internal/storekeeper/internal/tlsfiles"
)

// world has a CA for servers, a CA for clients, and files of both.
type world struct {
	*mount

	servers, clients *authntest.Authority
	watcher          *filewatch.Watcher
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{mount: newMount(t), servers: authntest.NewAuthority(t), clients: authntest.NewAuthority(t), watcher: watcher()}
	w.put(w.servers.Sign(authntest.Leaf{}), w.clients.PEM)
	return w
}

func (w *world) files(t *testing.T, require bool) *tlsfiles.Files {
	t.Helper()
	c := w.config()
	c.RequireClient, c.Watcher = require, w.watcher
	f, err := tlsfiles.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// client is the side of a caller, with a certificate or without.
func (w *world) client(pair *tls.Certificate) *tls.Config {
	c := &tls.Config{RootCAs: w.servers.Pool, MinVersion: tls.VersionTLS12}
	if pair != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair, nil }
	}
	return c
}

// rest serves HTTP; the answer is the protocol and the names of the client.
func rest(t *testing.T, c *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{
		TLSConfig: c, ErrorLog: log.New(io.Discard, "", 0), // refused handshakes are expected
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Proto+" "+names(*r.TLS))
		}),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.ServeTLS(l, "", "")
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return "https://" + l.Addr().String()
}

func names(s tls.ConnectionState) string {
	if len(s.VerifiedChains) == 0 {
		return "nobody"
	}
	return strings.Join(s.VerifiedChains[0][0].DNSNames, ",")
}

func call(t *testing.T, url string, c *tls.Config, h2 bool) (string, error) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: h2}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	return string(text), err
}

func TestHTTPSeesTheClient(t *testing.T) {
	w := newWorld(t)
	ours, theirs := w.clients.Sign(authntest.Leaf{DNS: []string{"ci"}}), w.servers.Sign(authntest.Leaf{DNS: []string{"ci"}})
	optional, required := rest(t, w.files(t, false).WithClients()), rest(t, w.files(t, true).WithClients())
	plain := rest(t, w.files(t, true).ServerOnly())
	for name, test := range map[string]struct {
		url  string
		pair *tls.Certificate
		h2   bool
		want string
	}{
		"a client over HTTP/1.1":                     {optional, &ours, false, "HTTP/1.1 ci"},
		"a client over HTTP/2":                       {optional, &ours, true, "HTTP/2.0 ci"},
		"nobody":                                     {optional, nil, true, "HTTP/2.0 nobody"},
		"a client of another authority":              {optional, &theirs, true, "refused"},
		"a client where one is required":             {required, &ours, true, "HTTP/2.0 ci"},
		"nobody where one is required":               {required, nil, false, "refused"},
		"of another authority where one is required": {required, &theirs, false, "refused"},
		"a client where none is asked for":           {plain, &ours, false, "HTTP/1.1 nobody"},
		"nobody where none is asked for":             {plain, nil, true, "HTTP/2.0 nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := call(t, test.url, w.client(test.pair), test.h2)
			if err != nil {
				got = "refused"
			}
			if got != test.want {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	w := newWorld(t)
	url := rest(t, w.files(t, false).WithClients())
	for version, fine := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c := w.client(nil)
		c.MinVersion, c.MaxVersion = version, version
		if _, err := call(t, url, c, true); (err == nil) != fine {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}

// serveRPC serves health checks over gRPC. The answer contains the names of the client.
func serveRPC(t *testing.T, c *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tell := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		p, _ := peer.FromContext(ctx)
		info, _ := p.AuthInfo.(credentials.TLSInfo)
		if err := grpc.SetHeader(ctx, metadata.Pairs("names", names(info.State))); err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(c)), grpc.UnaryInterceptor(tell))
	healthv1.RegisterHealthServer(s, health.NewServer())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		s.Stop()
		<-done
	})
	return l.Addr().String()
}

func callRPC(t *testing.T, address string, c *tls.Config) (string, error) {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(c)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var header metadata.MD
	if _, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{}, grpc.Header(&header)); err != nil {
		return "", err
	}
	return strings.Join(header.Get("names"), ""), nil
}

func TestGRPCSeesTheClient(t *testing.T) {
	w := newWorld(t)
	ours, theirs := w.clients.Sign(authntest.Leaf{DNS: []string{"ci"}}), w.servers.Sign(authntest.Leaf{DNS: []string{"ci"}})
	address := serveRPC(t, w.files(t, false).WithClients())
	for name, test := range map[string]struct {
		pair *tls.Certificate
		want string
	}{"a client": {&ours, "ci"}, "nobody": {nil, "nobody"}, "a client of another authority": {&theirs, ""}} {
		got, err := callRPC(t, address, w.client(test.pair))
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

// A client whose CA was removed must not return by resuming an old session.
func TestClientsOfAnAuthorityThatIsGoneAreRefused(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		w := newWorld(t)
		pair := w.clients.Sign(authntest.Leaf{DNS: []string{"ci"}})
		f := w.files(t, false)
		url := rest(t, f.WithClients())
		c := w.client(&pair)
		c.MaxVersion, c.ClientSessionCache = version, tls.NewLRUClientSessionCache(4)
		if got, err := call(t, url, c, false); err != nil || got != "HTTP/1.1 ci" {
			t.Fatalf("before: %q, %v", got, err)
		}
		w.put(w.servers.Sign(authntest.Leaf{}), w.servers.PEM)
		w.watcher.Recheck(t.Context())
		if got, err := call(t, url, c, false); err == nil {
			t.Errorf("%s, after: %q", tls.VersionName(version), got)
		}
	}
}

func TestNoConnectionFailsWhileFilesChange(t *testing.T) {
	w := newWorld(t)
	url := rest(t, w.files(t, false).WithClients())
	stop := make(chan struct{})
	var calls sync.WaitGroup
	for range 3 {
		calls.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := call(t, url, w.client(nil), true); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 50 {
		w.put(w.servers.Sign(authntest.Leaf{}), w.clients.PEM)
		w.watcher.Recheck(t.Context())
	}
	close(stop)
	calls.Wait()
}
