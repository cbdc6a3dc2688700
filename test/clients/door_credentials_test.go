package clients_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"
)

// issuer signs tokens as an OpenID Connect provider does.
type issuer struct {
	t   *testing.T
	url string
	es  *ecdsa.PrivateKey
	rs  *rsa.PrivateKey
}

func newIssuer(t *testing.T, url string) *issuer {
	t.Helper()
	i := &issuer{t: t, url: url}
	var err error
	if i.es, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	if i.rs, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	return i
}

// keySet returns the JSON Web Key Set of the issuer.
func (i *issuer) keySet() string {
	point, err := i.es.PublicKey.Bytes()
	if err != nil {
		i.t.Fatal(err)
	}
	exponent := big.NewInt(int64(i.rs.E)).Bytes()
	return i.json(map[string]any{"keys": []map[string]string{
		{"kid": "es", "alg": "ES256", "use": "sig", "kty": "EC", "crv": "P-256", "x": encoded(point[1:33]), "y": encoded(point[33:])},
		{"kid": "rs", "alg": "RS256", "use": "sig", "kty": "RSA", "n": encoded(i.rs.N.Bytes()), "e": encoded(exponent)},
	}})
}

// signer makes the signature of a token.
type signer func(input []byte) []byte

func (i *issuer) byES(input []byte) []byte { return i.byKey(i.es)(input) }

func (i *issuer) byKey(key *ecdsa.PrivateKey) signer {
	return func(input []byte) []byte {
		digest := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			i.t.Fatal(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
}

func (i *issuer) byRS(input []byte) []byte {
	digest := sha256.Sum256(input)
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.rs, crypto.SHA256, digest[:])
	if err != nil {
		i.t.Fatal(err)
	}
	return signature
}

// byPublic takes the public key for the secret of HS256.
func (i *issuer) byPublic(input []byte) []byte {
	public, err := x509.MarshalPKIXPublicKey(i.rs.Public())
	if err != nil {
		i.t.Fatal(err)
	}
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	mac.Write(input)
	return mac.Sum(nil)
}

// token returns a valid token with changed claims; a nil value removes a claim.
func (i *issuer) token(changes map[string]any) string {
	return i.forge("ES256", "es", changes, i.byES)
}

func (i *issuer) forge(algorithm, key string, changes map[string]any, sign signer) string {
	now := time.Now()
	claims := map[string]any{
		"iss": i.url, "aud": audience, "sub": subject,
		"nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	input := encoded([]byte(i.json(map[string]string{"alg": algorithm, "typ": "JWT", "kid": key}))) + "." + encoded([]byte(i.json(claims)))
	return input + "." + encoded(sign([]byte(input)))
}

func (i *issuer) json(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		i.t.Fatal(err)
	}
	return string(text)
}

func encoded(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// authority signs the certificates of the server and of clients.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	made := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	})
	a.certificate, a.key = made.Leaf, made.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

// leaf makes a certificate with a URI, for both sides of a connection.
func (a *authority) leaf(uri string) tls.Certificate {
	a.t.Helper()
	name, err := url.Parse(uri)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), URIs: []*url.URL{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
}

// sign makes a certificate; the first signs itself.
func (a *authority) sign(template *x509.Certificate) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent, by := a.certificate, a.key
	if parent == nil {
		parent, by = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

// files returns certificate and key in PEM.
func (a *authority) files(c tls.Certificate) (certificate, key []byte) {
	a.t.Helper()
	raw, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}
