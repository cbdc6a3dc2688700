package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// forge makes a denied call over both protocols that claims to come from an
// address, and gives the addresses in the log and the trail.
func (p *program) forge(claimed string) (rest, overGRPC, trail string) {
	p.t.Helper()
	r := mustRequest(p.t, p.rest+"/client/v4/user")
	r.Header.Add("X-Forwarded-For", "203.0.113.1")
	r.Header.Add("X-Forwarded-For", claimed)
	r.Header.Set("X-Request-Id", "forged-rest")
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = answer.Body.Close()
	ctx := metadata.AppendToOutgoingContext(p.t.Context(), "x-forwarded-for", "203.0.113.1, "+claimed, "x-request-id", "forged-grpc")
	m := methodNamed(p.t, "GetUser")
	if err := p.conn.Invoke(ctx, "/storekeeper.identity.v1.IdentityService/GetUser", messageFor(p.t, m.Input()), messageFor(p.t, m.Output())); err == nil {
		p.t.Error("a stranger got an answer")
	}
	p.await("two lines", func() bool { return p.lineOf("forged-rest") != nil && p.lineOf("forged-grpc") != nil })
	return text(p.lineOf("forged-rest")["peer"]), text(p.lineOf("forged-grpc")["peer"]), p.trailText()
}

func TestATrustedProxyNamesTheClient(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{"listen.trusted_proxies[0]=127.0.0.0/8"}})
	rest, overGRPC, trail := p.forge("198.51.100.7")
	if rest != "198.51.100.7" || overGRPC != "198.51.100.7" {
		t.Errorf("the log says %s and %s", rest, overGRPC)
	}
	if strings.Count(trail, `"peer":"198.51.100.7"`) < 2 || strings.Contains(trail, "203.0.113.1") {
		t.Errorf("the trail says %s", trail)
	}
}

func TestNobodyElseNamesTheClient(t *testing.T) {
	t.Parallel()
	for name, sets := range map[string][]string{
		"without proxies": nil,
		"another proxy":   {"listen.trusted_proxies[0]=192.0.2.0/24", "listen.proxy_protocol[0]=192.0.2.1"},
	} {
		p := start(t, setup{sets: sets})
		rest, overGRPC, trail := p.forge("198.51.100.7")
		if !strings.HasPrefix(rest, "127.0.0.1:") || !strings.HasPrefix(overGRPC, "127.0.0.1:") || strings.Contains(trail, "198.51.100.7") {
			t.Errorf("%s: the log says %s and %s, the trail %s", name, rest, overGRPC, trail)
		}
		conn := p.dialREST()
		_, _ = io.WriteString(conn, "PROXY TCP4 198.51.100.7 192.0.2.1 5555 80\r\nGET /client/v4/user HTTP/1.1\r\nHost: x\r\n\r\n")
		answer, _ := io.ReadAll(conn)
		if !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
			t.Errorf("%s: a PROXY header is answered with %s", name, answer)
		}
		_ = conn.Close()
	}
}

func TestAConfiguredBalancerNamesTheClientByThePROXYProtocol(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{"listen.proxy_protocol[0]=127.0.0.1"}})
	source := &net.TCPAddr{IP: net.IPv4(198, 51, 100, 7), Port: 5555}
	for _, version := range []byte{1, 2} {
		dialer := func(ctx context.Context, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			if err != nil {
				return nil, err
			}
			_, err = proxyproto.HeaderProxyFromAddrs(version, source, conn.RemoteAddr()).WriteTo(conn)
			return conn, err
		}
		id := "proxied-" + string('0'+version)
		client := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return dialer(ctx, address)
		}}
		r := withCallerKey(mustRequest(t, p.rest+"/client/v4/user"))
		r.Header.Set("X-Request-Id", id+"-rest")
		answer, err := client.RoundTrip(r)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%v %v", answer, err)
		}
		_ = answer.Body.Close()
		conn, err := grpc.NewClient("passthrough:///"+p.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(dialer))
		if err != nil {
			t.Fatal(err)
		}
		q := *p
		q.conn = conn
		if got := q.call(metadata.AppendToOutgoingContext(t.Context(), "x-request-id", id+"-grpc"), "GetUser", `{}`); got.err != nil {
			t.Errorf("gRPC: %v", got.err)
		}
		_ = conn.Close()
		p.await("two lines", func() bool { return p.lineOf(id+"-rest") != nil && p.lineOf(id+"-grpc") != nil })
		for _, line := range []map[string]any{p.lineOf(id + "-rest"), p.lineOf(id + "-grpc")} {
			if line["peer"] != "198.51.100.7:5555" {
				t.Errorf("version %d: peer is %v", version, line["peer"])
			}
		}
	}
	// The header is required: otherwise a client that connects to the port
	// directly would count as the balancer.
	conn := p.dialREST()
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET /client/v4/user HTTP/1.1\r\nHost: x\r\n\r\n")
	if answer, _ := io.ReadAll(conn); strings.Contains(string(answer), "HTTP/1.1 2") || strings.Contains(string(answer), "HTTP/1.1 401") {
		t.Errorf("without a header: %s", answer)
	}
}
