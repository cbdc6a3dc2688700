package clients_test

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/secrets_store"
	"github.com/cloudflare/cloudflare-go/v7/user"

	"platform.internal/storekeeper/test/clients/recorder"
	"platform.internal/storekeeper/test/clients/side"
)

const (
	audience   = "storekeeper.test"
	subject    = "repo:my-org/payments:ref:refs/heads/main"
	other      = "repo:my-org/search:ref:refs/heads/main"
	spiffe     = "spiffe://prod.example.com/ns/payments/sa/api"
	teamKey    = "sk_a-key-of-the-team"
	revokedKey = "sk_a-key-that-was-taken-back"
	cloudToken = "a-token-of-the-platform-alone"
)

// door is Storekeeper over TLS, with a team that has all rights and a team
// without rights. Its Cloudflare is behind a recorder.
type door struct {
	folder     string
	issuer     *issuer
	authority  *authority
	cloudflare *recorder.Recorder
	base       string
}

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{folder: t.TempDir(), issuer: newIssuer(t, "https://issuer.example.com"), authority: newAuthority(t)}
	d.cloudflare = recorder.Start(t, program.Emulator(t, roomy, cloudToken).Root)
	certificate, key := d.authority.files(d.authority.leaf("spiffe://prod.example.com/storekeeper"))
	clients, _ := d.authority.files(tls.Certificate{Certificate: [][]byte{d.authority.certificate.Raw}, PrivateKey: d.authority.key})
	d.write(t, "tls.crt", string(certificate))
	d.write(t, "tls.key", string(key))
	d.write(t, "clients.crt", string(clients))
	d.write(t, "keys.json", d.issuer.keySet())
	d.write(t, "token", cloudToken)
	d.write(t, "policy.yaml", `rules: [{id: payments, actions: ["*"], when: 'principal.tenant == "payments"'}]`)
	return d
}

func (d *door) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(d.folder, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// open starts Storekeeper with these API keys of the team, until t ends.
func (d *door) open(t *testing.T, keys ...string) {
	t.Helper()
	listed := ""
	for _, key := range keys {
		listed += fmt.Sprintf("  - {name: payments-key, sha256: %x, tenant: payments}\n", sha256.Sum256([]byte(key)))
	}
	d.write(t, "config.yaml", fmt.Sprintf(`
listen:
  tls: {cert_file: tls.crt, key_file: tls.key, client_ca_file: clients.crt}
accounts:
  - {id: %s, name: main, base_url: %s/client/v4, credential: {api_token_file: token}}
callers:
  api_keys:
%s
  issuers:
  - name: ci
    issuer: %s
    audiences: [%s]
    jwks_file: keys.json
    subjects: [{match: "%s", tenant: payments}, {match: "%s", tenant: search}]
  certificates:
  - {san: "%s", name: payments-api, tenant: payments}
policy: {file: policy.yaml}
audit: {sink: file, file: audit.log}
`, side.Account, d.cloudflare.URL, listed, d.issuer.url, audience, subject, other, spiffe))
	d.base = "https://" + program.Configured(t, filepath.Join(d.folder, "config.yaml")) + "/client/v4"
}

// options returns the library's options for a connection, with or without a
// certificate.
func (d *door) options(t *testing.T, certificate *tls.Certificate, more ...option.RequestOption) []option.RequestOption {
	t.Helper()
	c := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	c.RootCAs.AddCert(d.authority.certificate)
	if certificate != nil {
		c.Certificates = []tls.Certificate{*certificate}
	}
	transport := &http.Transport{TLSClientConfig: c}
	t.Cleanup(transport.CloseIdleConnections)
	return append([]option.RequestOption{
		option.WithBaseURL(d.base), option.WithMaxRetries(0), option.WithHTTPClient(&http.Client{Transport: transport}),
	}, more...)
}

func create(t *testing.T, opts []option.RequestOption) (*secrets_store.StoreNewResponse, error) {
	t.Helper()
	var p secrets_store.StoreNewParams
	p.AccountID.Value, p.AccountID.Present = side.Account, true
	p.Name.Value, p.Name.Present = "store-"+strings.ToLower(rand.Text()), true
	return secrets_store.NewStoreService(opts...).New(t.Context(), p)
}

func list(t *testing.T, opts []option.RequestOption) error {
	t.Helper()
	var p secrets_store.StoreListParams
	p.AccountID.Value, p.AccountID.Present = side.Account, true
	_, err := secrets_store.NewStoreService(opts...).List(t.Context(), p)
	return err
}

func TestEveryGoodCredentialOpensTheDoorToAnSDK(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.open(t, teamKey)
	certificate := d.authority.leaf(spiffe)
	for name, opts := range map[string][]option.RequestOption{
		"an API key":                     d.options(t, nil, option.WithAPIToken(teamKey)),
		"an API key in the older scheme": d.options(t, nil, option.WithAPIEmail("a@example.com"), option.WithAPIKey(teamKey)),
		"a token of ES256":               d.options(t, nil, option.WithAPIToken(d.issuer.token(nil))),
		"a token of RS256":               d.options(t, nil, option.WithAPIToken(d.issuer.forge("RS256", "rs", nil, d.issuer.byRS))),
		"a certificate":                  d.options(t, &certificate),
	} {
		t.Run(name, func(t *testing.T) {
			verified, err := user.NewTokenService(opts...).Verify(t.Context())
			if err != nil || verified.Status != "active" {
				t.Errorf("verify: %v %v", verified, err)
			}
			if ends := strings.Contains(name, "key"); err == nil && verified.ExpiresOn.IsZero() != ends {
				t.Errorf("it ends %s", verified.ExpiresOn)
			}
			made, err := create(t, opts)
			if err != nil {
				t.Fatal(err)
			}
			var p secrets_store.StoreDeleteParams
			p.AccountID.Value, p.AccountID.Present = side.Account, true
			if _, err := secrets_store.NewStoreService(opts...).Delete(t.Context(), made.ID, p); err != nil {
				t.Error(err)
			}
		})
	}
}

// stranger is a class of bad credential that travels as a bearer does.
type stranger struct {
	name  string
	shown []option.RequestOption
	// known says that the credential is valid but has no rights.
	known bool
}

func token(text string) []option.RequestOption {
	return []option.RequestOption{option.WithAPIToken(text)}
}

func (d *door) strangers(t *testing.T) []stranger {
	t.Helper()
	i := d.issuer
	good := i.token(nil)
	foreign := newIssuer(t, i.url)
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	claims := func(changes map[string]any) []option.RequestOption { return token(i.token(changes)) }
	return []stranger{
		{name: "none"},
		{name: "malformed", shown: []option.RequestOption{option.WithHeader("Authorization", "Basic "+teamKey)}},
		{name: "an unknown key", shown: token("sk_nobody-has-this-key")},
		{name: "an unknown key in the older scheme", shown: []option.RequestOption{option.WithAPIEmail("a@example.com"), option.WithAPIKey("sk_nobody-has-this-key")}},
		{name: "a revoked key", shown: token(revokedKey)},
		{name: "the platform's own token", shown: token(cloudToken)},
		{name: "an expired token", shown: claims(map[string]any{"exp": at(-time.Minute)})},
		{name: "a token that is not yet valid", shown: claims(map[string]any{"nbf": at(10 * time.Minute)})},
		{name: "a token without an end", shown: claims(map[string]any{"exp": nil})},
		{name: "a token for another audience", shown: claims(map[string]any{"aud": "other"})},
		{name: "a token of another issuer", shown: claims(map[string]any{"iss": "https://other.example.com"})},
		{name: "a token of a subject on no list", shown: claims(map[string]any{"sub": "repo:my-org/unheard:ref:refs/heads/main"})},
		{name: "a token that is too long", shown: claims(map[string]any{"pad": strings.Repeat("x", 17<<10)})},
		{name: "a token of another tenant", shown: claims(map[string]any{"sub": other}), known: true},
		{name: "a token without a signature", shown: token(i.forge("none", "es", nil, func([]byte) []byte { return nil }))},
		{name: "a token signed with the public key as the secret", shown: token(i.forge("HS256", "rs", nil, i.byPublic))},
		{name: "a token under an unknown key name", shown: token(i.forge("ES256", "unheard", nil, i.byES))},
		{name: "a token of a key that is not the issuer's", shown: token(i.forge("ES256", "es", nil, foreign.byES))},
		{name: "a token that lacks its last bytes", shown: token(good[:len(good)-8])},
		{name: "a token that lacks its signature", shown: token(good[:strings.LastIndex(good, ".")])},
	}
}

func TestNoBadCredentialOpensTheDoorToAnSDK(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	t.Run("a key counts until it is taken back", func(t *testing.T) {
		d.open(t, teamKey, revokedKey)
		if err := list(t, d.options(t, nil, option.WithAPIToken(revokedKey))); err != nil {
			t.Fatal(err)
		}
	})
	d.open(t, teamKey)
	d.cloudflare.Take()
	for _, s := range d.strangers(t) {
		t.Run(s.name, func(t *testing.T) {
			opts := d.options(t, nil, s.shown...)
			_, changed := create(t, opts)
			s.mustBeRefused(t, changed)
			s.mustBeRefused(t, list(t, opts))
		})
	}
	if asked := d.cloudflare.Take(); len(asked) != 0 {
		t.Errorf("Cloudflare was asked %d times, first %s %s", len(asked), asked[0].Method, asked[0].Path)
	}
}

// mustBeRefused expects Cloudflare's own answer to an invalid credential.
func (s stranger) mustBeRefused(t *testing.T, err error) {
	t.Helper()
	status, code, message := http.StatusUnauthorized, int64(10000), "Authentication error"
	if s.known {
		status, code, message = http.StatusForbidden, 9109, "Unauthorized to access requested resource"
	}
	refused, ok := errors.AsType[*secrets_store.Error](err)
	if !ok || refused.StatusCode != status || len(refused.Errors) != 1 || refused.Errors[0].Code != code || refused.Errors[0].Message != message {
		t.Errorf("%v, want %d and %d %s", err, status, code, message)
	}
}
