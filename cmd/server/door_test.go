package main

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"

	"platform.internal/storekeeper/internal/authn/authntest"
)

// The callers of the door.
const (
	doorAudience = "storekeeper.test"
	doorSubject  = "repo:my-org/payments:ref:refs/heads/main"
	otherSubject = "repo:my-org/search:ref:refs/heads/main"
	doorSPIFFE   = "spiffe://prod.example.com/ns/payments/sa/api"
	doorKey      = "sk_door-key-Yt61rB8mQ4"
	revokedKey   = "sk_revoked-key-Lw93zC5nF2"
)

// door is a program with every kind of credential there is, over TLS.
type door struct {
	*program

	authority *authntest.Authority
	issuer    *authntest.Issuer
	rs, es    authntest.Key
	ed        authntest.Key
	// store is a store of the team payments.
	store string
	// setup has the settings of the program.
	setup setup
}

// openDoor starts the program with the further settings s.
func openDoor(t *testing.T, s setup) *door {
	t.Helper()
	d := &door{
		authority: authntest.NewAuthority(t), issuer: authntest.NewIssuer(t),
		rs: authntest.NewKey(t, jose.RS256), es: authntest.NewKey(t, jose.ES256), ed: authntest.NewKey(t, jose.EdDSA),
	}
	d.issuer.Publish(d.es, d.rs, d.ed)
	p := &program{t: t, folder: t.TempDir()}
	s.callers, s.sets = d.callers(), append(s.sets, d.secured(t, p.folder)...)
	d.program, d.setup = p, s
	p.serveCloudflare(s)
	file := p.writeConfig(s)
	p.writeFile(filepath.Join(p.folder, "policy.yaml"), `
rules:
  - {id: payments, actions: ["*"], when: 'principal.tenant == "payments"'}
  - {id: search, actions: ["secret.*"], when: 'principal.tenant == "search" && secret.startsWith("SEARCH_")'}
`)
	p.begin(p.body(file, s))
	p.await("serving", func() bool { return p.out.line("serving") != nil })
	at := p.out.line("serving")
	p.rest, p.grpc, p.admin = "https://"+text(at["rest"]), text(at["grpc"]), "https://"+text(at["admin"])
	checked := newCheckedTransport(t, p.rest)
	// With a certificate, which may be required. Its name is not configured.
	checked.base.TLSClientConfig = d.trust(certified(d.authority.Sign(authntest.Leaf{})))
	p.http = newClient(checked)
	d.store = identifier.FindStringSubmatch(p.cloudflare("POST", "/stores", `{"name":"payments"}`))[1]
	return d
}

func (d *door) callers() string {
	return fmt.Sprintf(`
  - {name: payments-key, sha256: %x, tenant: payments}
  issuers:
  - name: ci
    issuer: %s
    audiences: [%s]
    subjects:
    - {match: "%s", tenant: payments}
    - {match: "%s", tenant: search}
  certificates:
  - {san: "%s", name: payments-api, tenant: payments}
`, sha256.Sum256([]byte(doorKey)), d.issuer.URL, doorAudience, doorSubject, otherSubject, doorSPIFFE)
}

// secured makes the TLS files and names them.
func (d *door) secured(t *testing.T, folder string) []string {
	t.Helper()
	cert, key := authntest.WriteFiles(t, folder, d.authority.Sign(authntest.Leaf{}))
	clients := filepath.Join(folder, "clients.pem")
	if err := os.WriteFile(clients, d.authority.PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"listen.tls.cert_file=" + cert, "listen.tls.key_file=" + key, "listen.tls.client_ca_file=" + clients}
}

// shown is the credential of a call: headers as "Name: value", and a certificate.
type shown struct {
	headers     []string
	certificate *tls.Certificate
	// plain speaks without TLS.
	plain bool
}

func bearer(credential string) shown {
	return shown{headers: []string{"Authorization: Bearer " + credential}}
}

func certified(c tls.Certificate) shown { return shown{certificate: &c} }

// trust is the client's side of TLS.
func (d *door) trust(s shown) *tls.Config {
	c := &tls.Config{RootCAs: d.authority.Pool, MinVersion: tls.VersionTLS12}
	if s.certificate != nil {
		// Always this certificate: by default a client does not send a
		// certificate that the server would not accept.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return s.certificate, nil }
	}
	return c
}

// overREST sends a request with only the given credential.
func (d *door) overREST(t *testing.T, s shown, a attempt, id string) (reply, error) {
	t.Helper()
	p := d.in(t)
	checked, _ := p.http.Transport.(*checkedTransport)
	checked.base = &http.Transport{TLSClientConfig: d.trust(s), DisableKeepAlives: true}
	if s.plain {
		p.rest = "http://" + strings.TrimPrefix(p.rest, "https://")
		p.http = newClient(checked.base) // the answer, if any, is no envelope
	}
	return p.try(t.Context(), a.method, a.path, strings.NewReader(a.body), append([]string{"Authorization:", "X-Request-Id: " + id}, s.headers...)...)
}

// overGRPC is overREST for an RPC.
func (d *door) overGRPC(t *testing.T, s shown, a attempt, id string) ruling {
	t.Helper()
	secure := credentials.NewTLS(d.trust(s))
	if s.plain {
		secure = insecure.NewCredentials()
	}
	conn, err := grpc.NewClient(d.grpc, grpc.WithTransportCredentials(secure))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	sent := metadata.Pairs("x-request-id", id)
	for _, h := range s.headers {
		name, value, _ := strings.Cut(h, ": ")
		sent.Append(name, value)
	}
	m := methodNamed(t, a.rpc)
	in := messageFor(t, m.Input())
	if err := protojson.Unmarshal([]byte(a.request), in); err != nil {
		t.Fatal(err)
	}
	r := ruling{answer: messageFor(t, m.Output())}
	ctx := metadata.NewOutgoingContext(t.Context(), sent)
	r.err = conn.Invoke(ctx, "/"+string(m.Parent().FullName())+"/"+a.rpc, in, r.answer, grpc.Header(&r.header), grpc.Trailer(&r.trailer))
	r.takeApart()
	return r
}

// attempt is something to try at the door, over both protocols.
type attempt struct{ rpc, request, method, path, body string }

// attempts are a change and a read that the team payments may make.
func (d *door) attempts() []attempt {
	return []attempt{
		{
			"CreateSecrets", `{"account_id":"main","store_id":"` + d.store + `","secrets":[{"name":"PAYMENTS_A","value":"v","scopes":["dex"]}]}`,
			"POST", "stores/" + d.store + "/secrets", `[{"name":"PAYMENTS_A","value":"v","scopes":["dex"]}]`,
		},
		{"ListStores", `{"account_id":"main"}`, "GET", "stores", ""},
	}
}

// stranger is a class of bad credential.
type stranger struct {
	name  string
	shown shown
	// reason is the reason of the refusal over gRPC. Empty: no connection.
	reason string
	// known says that the credential is valid but has no rights.
	known bool
}

func TestNoBadCredentialOpensTheDoor(t *testing.T) {
	t.Parallel()
	// Three programs, since of each only so many strangers a minute are recorded.
	for name, classes := range map[string]func(*door, *testing.T) []stranger{
		"token":             func(d *door, t *testing.T) []stranger { return append(d.badTokens(t), d.forgeries(t)...) },
		"key or connection": func(d *door, t *testing.T) []stranger { return append(d.badKeys(t), d.badConnections(t)...) },
		"header":            func(d *door, _ *testing.T) []stranger { return d.badHeaders() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := openDoor(t, setup{})
			d.refusesAll(t, classes(d, t))
		})
	}
}

// refusesAll lets each stranger try.
func (d *door) refusesAll(t *testing.T, classes []stranger) {
	t.Helper()
	before := len(d.cf.Requests())
	for i, c := range classes {
		t.Run(c.name, func(t *testing.T) {
			for n, a := range d.attempts() {
				d.refuses(t, c, a, fmt.Sprintf("door-%d-%d", i, n))
			}
		})
	}
	if asked := d.cf.Requests()[before:]; len(asked) != 0 {
		t.Errorf("Cloudflare was asked %d times, first %s %s", len(asked), asked[0].Method, asked[0].Path)
	}
	d.tellsNothingOf(t, classes)
}

// refuses makes an attempt over both protocols and expects the same refusal.
func (d *door) refuses(t *testing.T, c stranger, a attempt, id string) {
	t.Helper()
	byREST, failed := d.overREST(t, c.shown, a, id+"-rest")
	byGRPC := d.overGRPC(t, c.shown, a, id+"-grpc")
	if c.reason == "" {
		if failed == nil && (byREST.status != http.StatusBadRequest || !c.shown.plain) || byGRPC.code != codes.Unavailable || byGRPC.info != nil {
			t.Errorf("%s: rest: %v %d %s; grpc: %v", a.rpc, failed, byREST.status, byREST.body, byGRPC.err)
		}
		// There is no call that could stand in the trail.
		d.await("the log tells of the connection", func() bool { return strings.Contains(d.out.String(), "TLS handshake error") })
		return
	}
	status, code, word := http.StatusUnauthorized, codes.Unauthenticated, "10000 Authentication error"
	if c.known {
		status, code, word = http.StatusForbidden, codes.PermissionDenied, "9109 Unauthorized to access requested resource"
	}
	if failed != nil || byREST.status != status || !slices.Equal(byREST.errors(), []string{word}) || byREST.Result != nil {
		t.Errorf("%s: rest: %v %d %s", a.rpc, failed, byREST.status, byREST.body)
	}
	if byGRPC.code != code || byGRPC.info.GetReason() != c.reason {
		t.Errorf("%s: grpc: %v, reason %q, want %s", a.rpc, byGRPC.err, byGRPC.info.GetReason(), c.reason)
	}
	for _, protocol := range []string{"rest", "grpc"} {
		r := d.trail(t).about(id + "-" + protocol)
		if len(r) != 1 || r[0].Kind != "denial" || r[0].Reason != c.reason || r[0].Code != code.String() || r[0].Protocol != protocol ||
			!strings.HasSuffix(r[0].Method, "/"+a.rpc) || (r[0].Caller != "") != c.known {
			t.Errorf("%s: the trail of %s says %+v", a.rpc, protocol, r)
		}
	}
	for _, answer := range []string{byREST.body, fmt.Sprint(byREST.header), fmt.Sprint(byGRPC.err, byGRPC.headers())} {
		c.mustNotStandIn(t, "an answer", answer)
	}
}

// tellsNothingOf looks for the credentials in all that the program says.
func (d *door) tellsNothingOf(t *testing.T, classes []stranger) {
	t.Helper()
	_, metrics := d.page("/metrics")
	_, goroutines := d.page("/debug/pprof/goroutine?debug=2")
	trail := d.trailText()
	for _, c := range classes {
		for where, said := range map[string]string{
			"the log": d.out.String(), "standard error": d.err.String(), "the trail": trail, "the metrics": metrics, "the goroutines": goroutines,
		} {
			c.mustNotStandIn(t, where, said)
		}
	}
}

// mustNotStandIn searches for the credential, and for the claims and the
// signature of a token.
func (c stranger) mustNotStandIn(t *testing.T, where, said string) {
	t.Helper()
	for _, h := range c.shown.headers {
		_, credential, _ := strings.Cut(h, ": ")
		credential = strings.TrimPrefix(credential, "Bearer ")
		for _, part := range append(strings.Split(credential, ".")[1:], credential) {
			if len(part) < 12 {
				continue
			}
			for form, disguised := range disguises(part) {
				if strings.Contains(said, disguised) {
					t.Errorf("%s: %s holds a part of it %s", c.name, where, form)
				}
			}
		}
	}
}
