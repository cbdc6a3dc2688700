package postgres_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/store/postgres"
	"platform.internal/storekeeper/internal/store/postgrestest"
)

// authority issues certificates.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "made-up authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	text, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.certificate, err = x509.ParseCertificate(text); err != nil {
		t.Fatal(err)
	}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: text})
	return a
}

// issue makes a certificate for a server or a client.
func (a *authority) issue(name string, addresses ...net.IP) (certificate, key []byte) {
	a.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IPAddresses: addresses,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	text, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &private.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: text}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})
}

func (a *authority) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

func TestConnectionsAreVerified(t *testing.T) {
	t.Parallel()
	mine, other := newAuthority(t), newAuthority(t)
	server := postgrestest.Start(t, "fsync=off")
	certificate, key := mine.issue("server", net.IPv4(127, 0, 0, 1))
	server.Secure(certificate, key, mine.pem)
	server.Exec(postgrestest.Superuser, "create role storekeeper login", "create schema storekeeper authorization storekeeper")
	server.Rules("local all all trust", "hostssl all storekeeper 127.0.0.1/32 cert")
	shown, err := tls.X509KeyPair(mine.issue("storekeeper"))
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := tls.X509KeyPair(other.issue("storekeeper"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		tls       *tls.Config
		plaintext bool
		works     bool
	}{
		"roots and certificate":       {tls: &tls.Config{RootCAs: mine.roots(), Certificates: []tls.Certificate{shown}}, works: true},
		"roots of the system":         {tls: &tls.Config{Certificates: []tls.Certificate{shown}}},
		"nothing":                     {},
		"other roots":                 {tls: &tls.Config{RootCAs: other.roots(), Certificates: []tls.Certificate{shown}}},
		"another name":                {tls: &tls.Config{RootCAs: mine.roots(), Certificates: []tls.Certificate{shown}, ServerName: "another"}},
		"no certificate":              {tls: &tls.Config{RootCAs: mine.roots()}},
		"a certificate of a stranger": {tls: &tls.Config{RootCAs: mine.roots(), Certificates: []tls.Certificate{stranger}}},
		"no TLS":                      {plaintext: true},
	} {
		t.Run(name, func(t *testing.T) {
			o := quick(server)
			if c.works {
				o = config(server, postgrestest.Superuser)
			}
			o.User, o.TLS, o.Plaintext = "storekeeper", c.tls, c.plaintext
			s := open(t, o)
			if err := s.Healthy(t.Context()); (err == nil) != c.works {
				t.Fatalf("got %v, want that it works: %t", err, c.works)
			}
			if c.works {
				mustPut(t, s, "a", "1")
				wantFinding(t, s, "TLS", postgres.OK)
				wantFinding(t, s, "role", postgres.OK)
			}
		})
	}
}

// wantFinding wants that a check of the doctor has a result.
func wantFinding(t *testing.T, s *postgres.Store, name string, level postgres.Level) {
	t.Helper()
	for _, f := range s.Doctor(t.Context()) {
		if f.Name != name {
			continue
		}
		if f.Level != level || f.Text == "" || (f.Fix == "") != (level == postgres.OK) {
			t.Errorf("%s: got %+v, want level %d", name, f, level)
		}
		return
	}
	t.Errorf("%s was not checked", name)
}
