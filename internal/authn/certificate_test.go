package authn_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authn/authntest"
	"platform.internal/storekeeper/internal/fault"
)

// door is a TLS server that answers with the name of the caller or the reason
// why there is none.
type door struct {
	url    string
	server *authntest.Authority
}

func openDoor(t *testing.T, a *authn.Authenticator, clients *authntest.Authority) door {
	t.Helper()
	own := authntest.NewAuthority(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := authn.Credentials{Authorization: r.Header.Get("Authorization"), Email: r.Header.Get("X-Auth-Email"), Chains: r.TLS.VerifiedChains}
		_, _ = fmt.Fprint(w, answer(a, c))
	}))
	s.TLS = &tls.Config{
		Certificates: []tls.Certificate{own.Sign(authntest.Leaf{})}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: clients.Pool,
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are expected
	s.StartTLS()
	t.Cleanup(s.Close)
	return door{url: s.URL, server: own}
}

// knock calls with a certificate and headers. A connection that is refused gives
// an error.
func (d door) knock(t *testing.T, crt *tls.Certificate, headers map[string]string) (string, error) {
	t.Helper()
	trust := &tls.Config{RootCAs: d.server.Pool, MinVersion: tls.VersionTLS12}
	if crt != nil {
		// The client sends the certificate even if the server asks for another authority.
		trust.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return crt, nil }
	}
	transport := &http.Transport{TLSClientConfig: trust, DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	reply, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	return string(text), err
}

func certificates() []authn.Certificate {
	return []authn.Certificate{
		{SAN: "spiffe://prod.example.com/ns/payments/sa/api", Name: "payments-api", Tenant: "payments", Groups: []string{"services"}},
		{SAN: "spiffe://prod.example.com/ns/search/*", Name: "search"},
		{SAN: "ci.example.com", Name: "ci"},
		{SAN: "jane@example.com", Name: "jane"},
	}
}

func TestClientCertificates(t *testing.T) {
	clients, others := authntest.NewAuthority(t), authntest.NewAuthority(t)
	a := start(t, authn.Config{
		APIKeys:      []authn.APIKey{{Digest: sha256.Sum256([]byte(teamKey)), Principal: authn.Principal{Name: "team-a"}}},
		Certificates: certificates(),
	})
	d := openDoor(t, a, clients)
	const api = "spiffe://prod.example.com/ns/payments/sa/api"
	leaf := func(l authntest.Leaf) *tls.Certificate { c := clients.Sign(l); return &c }
	stranger := others.Sign(authntest.Leaf{URIs: []string{api}})

	for name, test := range map[string]struct {
		certificate *tls.Certificate
		headers     map[string]string
		want        string
		refused     string
	}{
		"a SPIFFE id":                    {certificate: leaf(authntest.Leaf{URIs: []string{api}}), want: "payments-api"},
		"a SPIFFE id below one":          {certificate: leaf(authntest.Leaf{URIs: []string{"spiffe://prod.example.com/ns/search/sa/web"}}), want: "search"},
		"a host name":                    {certificate: leaf(authntest.Leaf{DNS: []string{"CI.example.com", "other.example.com"}}), want: "ci"},
		"an e-mail address":              {certificate: leaf(authntest.Leaf{Emails: []string{"jane@example.com"}}), want: "jane"},
		"no certificate":                 {want: authn.Missing},
		"another SPIFFE id":              {certificate: leaf(authntest.Leaf{URIs: []string{api + "2"}}), want: authn.NotAdmitted},
		"the id of another trust domain": {certificate: leaf(authntest.Leaf{URIs: []string{"spiffe://test.example.com/ns/payments/sa/api"}}), want: authn.NotAdmitted},
		"an id that climbs out":          {certificate: leaf(authntest.Leaf{URIs: []string{"spiffe://prod.example.com/ns/search/../payments"}}), want: authn.NotAdmitted},
		"a host name as an id":           {certificate: leaf(authntest.Leaf{DNS: []string{"jane.example.com"}}), want: authn.NotAdmitted},
		"a star for a host name":         {certificate: leaf(authntest.Leaf{DNS: []string{"*.example.com"}}), want: authn.NotAdmitted},
		"no name":                        {certificate: leaf(authntest.Leaf{}), want: authn.NotAdmitted},
		"two SPIFFE ids":                 {certificate: leaf(authntest.Leaf{URIs: []string{api, "spiffe://prod.example.com/ns/x/sa/y"}}), want: authn.NotAdmitted},
		"the ids of two callers":         {certificate: leaf(authntest.Leaf{URIs: []string{api, "spiffe://prod.example.com/ns/search/sa/web"}}), want: authn.NotAdmitted},
		"the names of two callers":       {certificate: leaf(authntest.Leaf{DNS: []string{"ci.example.com"}, Emails: []string{"jane@example.com"}}), want: authn.NotAdmitted},
		"an authority":                   {certificate: leaf(authntest.Leaf{URIs: []string{api}, Authority: true}), want: authn.NotAdmitted},
		"another authority":              {certificate: &stranger, refused: "certificate"},
		"expired":                        {certificate: leaf(authntest.Leaf{URIs: []string{api}, NotAfter: time.Now().Add(-time.Minute)}), refused: "expired"},
		"not valid yet":                  {certificate: leaf(authntest.Leaf{URIs: []string{api}, NotBefore: time.Now().Add(time.Minute)}), refused: "expired"},
		"for servers":                    {certificate: leaf(authntest.Leaf{URIs: []string{api}, ServerOnly: true}), refused: "certificate"},
		"a good key counts more": {
			certificate: leaf(authntest.Leaf{URIs: []string{api}}), headers: map[string]string{"Authorization": "Bearer " + teamKey}, want: "team-a",
		},
		"a bad key is not saved by it": {
			certificate: leaf(authntest.Leaf{URIs: []string{api}}), headers: map[string]string{"Authorization": "Bearer nope"}, want: authn.Unknown,
		},
		"half of the older scheme is not saved by it": {
			certificate: leaf(authntest.Leaf{URIs: []string{api}}), headers: map[string]string{"X-Auth-Email": "a@example.com"}, want: authn.Missing,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := d.knock(t, test.certificate, test.headers)
			if test.refused != "" {
				if err == nil || !strings.Contains(err.Error(), test.refused) {
					t.Errorf("got %q, %v", got, err)
				}
				return
			}
			if err != nil || got != test.want {
				t.Errorf("got %q, %v, want %s", got, err, test.want)
			}
		})
	}
}

// chain returns the verified chain of a certificate as TLS passes it on.
func chain(t *testing.T, a *authntest.Authority, l authntest.Leaf, at time.Time) authn.Credentials {
	t.Helper()
	crt := a.Sign(l)
	chains, err := crt.Leaf.Verify(x509.VerifyOptions{Roots: a.Pool, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		t.Fatal(err)
	}
	return authn.Credentials{Chains: chains}
}

func TestCertificateBecomesOnePrincipal(t *testing.T) {
	clients := authntest.NewAuthority(t)
	a := start(t, authn.Config{Certificates: certificates()})
	shown := chain(t, clients, authntest.Leaf{URIs: []string{"spiffe://prod.example.com/ns/payments/sa/api"}}, time.Now())
	p, err := a.Authenticate(t.Context(), shown)
	if err != nil {
		t.Fatal(err)
	}
	leaf := shown.Chains[0][0]
	digest := sha256.Sum256(leaf.Raw)
	want := map[string]any{
		"san": "spiffe://prod.example.com/ns/payments/sa/api", "serial": leaf.SerialNumber.Text(16), "issuer": "CN=test authority",
		"sha256": hex.EncodeToString(digest[:]),
	}
	if p.Kind != authn.KindMTLS || p.Tenant != "payments" || len(p.Groups) != 1 || fmt.Sprint(p.Claims.All()) != fmt.Sprint(want) {
		t.Errorf("got %+v", p)
	}
	if p.NotBefore.Before(leaf.NotBefore) || p.Expires.After(leaf.NotAfter) || p.Expires.IsZero() {
		t.Errorf("valid from %v to %v", p.NotBefore, p.Expires)
	}
}

// TestCertificateThatEndsDuringAConnection: a connection can outlive its certificate.
func TestCertificateThatEndsDuringAConnection(t *testing.T) {
	clients, c := authntest.NewAuthority(t), newClock()
	a := start(t, authn.Config{Certificates: certificates(), Clock: c.Now})
	shown := chain(t, clients, authntest.Leaf{DNS: []string{"ci.example.com"}, NotAfter: c.Now().Add(time.Minute)}, c.Now())
	if got := answer(a, shown); got != "ci" {
		t.Errorf("before: %s", got)
	}
	c.advance(2 * time.Minute)
	if got := answer(a, shown); got != authn.Expired {
		t.Errorf("after: %s", got)
	}
	c.advance(-3 * time.Hour)
	_, err := a.Authenticate(t.Context(), shown)
	if f := fault.From(err); f.Reason != authn.NotYetValid || f.Kind != fault.Unauthenticated {
		t.Errorf("long before: %+v", f)
	}
}

func TestCertificateIsNoCredentialWhereNoneIsListed(t *testing.T) {
	shown := chain(t, authntest.NewAuthority(t), authntest.Leaf{DNS: []string{"ci.example.com"}}, time.Now())
	if got := answer(start(t, authn.Config{}), shown); got != authn.Missing {
		t.Errorf("got %s", got)
	}
}
