package authn_test

import (
	"crypto/x509"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authn/authntest"
	"platform.internal/storekeeper/internal/fault"
)

// githubRun returns the claims of a token of GitHub Actions besides the registered claims.
func githubRun() map[string]any {
	return map[string]any{
		"jti": "8b2c7e0a-1f2d-4c3b-9a77-0d6c6f3b2a10", "repository": "my-org/payments", "run_id": "7043271815", "run_attempt": "2",
		"workflow_ref": "my-org/payments/.github/workflows/deploy.yaml@refs/heads/main", "actor": "alice", "password": "not repeated",
	}
}

func TestPrincipalOfATokenHasItsFacts(t *testing.T) {
	i := authntest.NewIssuer(t)
	a := start(t, authn.Config{Issuers: []authn.Issuer{trusting(i)}})
	p, err := a.Authenticate(t.Context(), bearer(i.Token(audience, workload, githubRun())))
	if err != nil {
		t.Fatal(err)
	}
	c := p.Credential
	if c == nil || c.IssuerName != "ci" || c.Issuer != i.URL || c.Subject != workload || c.ID != "8b2c7e0a-1f2d-4c3b-9a77-0d6c6f3b2a10" || c.RunID != "7043271815" {
		t.Errorf("got %+v", c)
	}
}

func TestFactsOfATokenAreBoundedAndPrintable(t *testing.T) {
	i := authntest.NewIssuer(t)
	a := start(t, authn.Config{Issuers: []authn.Issuer{trusting(i)}})
	for name, test := range map[string]struct {
		run  any
		want string
	}{
		"a text":   {"7043271815", "7043271815"},
		"a number": {7043271815, "7043271815"},
		"a list":   {[]string{"a"}, ""},
		"no run":   {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := a.Authenticate(t.Context(), bearer(i.Token(audience, workload, map[string]any{"run_id": test.run})))
			if err != nil {
				t.Fatal(err)
			}
			if p.Credential.RunID != test.want {
				t.Errorf("got %q", p.Credential.RunID)
			}
		})
	}
	p, err := a.Authenticate(t.Context(), bearer(i.Token(audience, workload, map[string]any{
		"jti": strings.Repeat("\u00e9", 400), "run_id": strings.Repeat("x\n\x1b\u202e", 200),
	})))
	if err != nil {
		t.Fatal(err)
	}
	if run := p.Credential.RunID; len(run) > 256 || strings.ContainsAny(run, "\n\x1b\u202e") {
		t.Errorf("the run is %q", run)
	}
	if id := p.Credential.ID; len(id) > 256 || !utf8.ValidString(id) || !strings.HasSuffix(id, "...") {
		t.Errorf("the id is %q", id)
	}
}

func TestTokenThatIsVerifiedAndRefusedNamesIssuerAndSubject(t *testing.T) {
	i := authntest.NewIssuer(t)
	a := start(t, authn.Config{Issuers: []authn.Issuer{trusting(i)}})
	const other = "repo:my-org/billing:ref:refs/heads/main"
	for name, test := range map[string]struct {
		changes map[string]any
		reason  string
		says    string
	}{
		"not admitted":    {nil, authn.NotAdmitted, "no entry of the issuer's subjects matches"},
		"another aud":     {map[string]any{"aud": []string{"sts.amazonaws.com", "vault"}}, authn.WrongAudience, "sts.amazonaws.com,vault"},
		"expired":         {map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}, authn.Expired, "it ended at 20"},
		"not valid yet":   {map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}, authn.NotYetValid, "it is valid from 20"},
		"aud is too long": {map[string]any{"aud": strings.Repeat("a", 1000)}, authn.WrongAudience, "aaa..."},
	} {
		t.Run(name, func(t *testing.T) {
			changes := githubRun()
			maps.Copy(changes, test.changes)
			_, err := a.Authenticate(t.Context(), bearer(i.Token(audience, other, changes)))
			if got := fault.From(err); got.Reason != test.reason || strings.Contains(got.Public, other) {
				t.Fatalf("got %s: %s", got.Reason, got.Public)
			}
			for _, text := range []string{`"ci"`, i.URL, other, "8b2c7e0a", test.says} {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("the log lacks %q: %v", text, err)
				}
			}
			c, verified := authn.RefusedCredential(err)
			if !verified || c.IssuerName != "ci" || c.Subject != other || c.RunID != "7043271815" {
				t.Errorf("got %+v, %v", c, verified)
			}
		})
	}
}

func TestTokenThatIsNotVerifiedHasNoFacts(t *testing.T) {
	i := authntest.NewIssuer(t)
	a := start(t, authn.Config{Issuers: []authn.Issuer{trusting(i)}})
	for name, token := range map[string]string{
		"forged": authntest.NewKey(t, i.Key().Algorithm).Sign(t, nil, i.Claims(audience, workload)), "unknown key": "sk_x",
		"unknown issuer": authntest.NewIssuer(t).Token(audience, workload, nil),
	} {
		_, err := a.Authenticate(t.Context(), bearer(token))
		if c, verified := authn.RefusedCredential(err); err == nil || verified || strings.Contains(err.Error(), workload) {
			t.Errorf("%s: got %+v, %v", name, c, err)
		}
	}
}

func TestIssuerThatDiffersByASlashIsSaidInTheLog(t *testing.T) {
	i := authntest.NewIssuer(t)
	a := start(t, authn.Config{Issuers: []authn.Issuer{trusting(i)}})
	_, err := a.Authenticate(t.Context(), bearer(i.Token(audience, workload, map[string]any{"iss": i.URL + "/"})))
	if got := fault.From(err); got.Reason != authn.WrongIssuer || !strings.Contains(err.Error(), "differ by a slash") {
		t.Errorf("got %v", err)
	}
}

func TestCertificateThatIsVerifiedAndRefusedIsNamed(t *testing.T) {
	a := start(t, authn.Config{Certificates: []authn.Certificate{{SAN: "spiffe://prod.example.com/ns/payments/sa/api", Name: "api"}}})
	const name = "spiffe://prod.example.com/ns/search/sa/api"
	authority := authntest.NewAuthority(t)
	leaf, err := x509.ParseCertificate(authority.Sign(authntest.Leaf{URIs: []string{name}}).Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Authenticate(t.Context(), authn.Credentials{Chains: [][]*x509.Certificate{{leaf}}})
	c, verified := authn.RefusedCredential(err)
	if !verified || c.Subject != name || c.ID != leaf.SerialNumber.Text(16) || c.Issuer != leaf.Issuer.String() {
		t.Errorf("got %+v, %v", c, err)
	}
	if f := fault.From(err); f.Reason != authn.NotAdmitted || strings.Contains(f.Public, "search") || !strings.Contains(err.Error(), name) {
		t.Errorf("got %v", err)
	}
}

func TestFactsCanBeWrittenAsJSON(t *testing.T) {
	i := authntest.NewIssuer(t)
	a := start(t, authn.Config{Issuers: []authn.Issuer{trusting(i)}})
	p, err := a.Authenticate(t.Context(), bearer(i.Token(audience, workload, githubRun())))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(p.Credential); err != nil || strings.Contains(string(text), "not repeated") {
		t.Errorf("got %s, %v", text, err)
	}
}
