package authn_test

import (
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authn/authntest"
)

func TestTokenBecomesOnePrincipal(t *testing.T) {
	i := authntest.NewIssuer(t)
	a := start(t, authn.Config{Issuers: []authn.Issuer{trusting(i)}})
	claims := i.Claims(audience, workload)
	claims["actor"], claims["kubernetes.io"] = "octocat", map[string]any{"namespace": "a"}
	p, err := a.Authenticate(t.Context(), bearer(i.Key().Sign(t, nil, claims)))
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "ci:"+workload || p.Tenant != "payments" || !reflect.DeepEqual(p.Groups, []string{"ci"}) || p.Kind != authn.KindJWT {
		t.Errorf("got %+v", p)
	}
	if p.Expires.Unix() != claims["exp"] || p.NotBefore.Unix() != claims["nbf"] {
		t.Errorf("valid from %v to %v", p.NotBefore, p.Expires)
	}
	read := p.Claims.All()
	if inner, _ := read["kubernetes.io"].(map[string]any); read["actor"] != "octocat" || inner["namespace"] != "a" {
		t.Errorf("claims are %v", read)
	}
}

func TestAsymmetricAlgorithmsAreAccepted(t *testing.T) {
	i := authntest.NewIssuer(t)
	rsa := authntest.NewKey(t, jose.RS256)
	var keys []authntest.Key
	for _, algorithm := range authn.Algorithms() {
		key := rsa
		if algorithm[0] == 'E' {
			key = authntest.NewKey(t, jose.SignatureAlgorithm(algorithm))
		}
		key.ID, key.Algorithm = algorithm, jose.SignatureAlgorithm(algorithm)
		keys = append(keys, key)
	}
	i.Publish(keys...)
	all := start(t, authn.Config{Issuers: []authn.Issuer{trusting(i)}})
	narrow := trusting(i)
	narrow.Algorithms = []string{"ES256"}
	one := start(t, authn.Config{Issuers: []authn.Issuer{narrow}})
	for _, key := range keys {
		token := key.Sign(t, nil, i.Claims(audience, workload))
		if got := answer(all, bearer(token)); got != "ci:"+workload {
			t.Errorf("%s: got %s", key.Algorithm, got)
		}
		if got := answer(one, bearer(token)); (got == "ci:"+workload) != (key.Algorithm == jose.ES256) {
			t.Errorf("%s where ES256 alone is accepted: got %s", key.Algorithm, got)
		}
	}
}

func TestGoodTokens(t *testing.T) {
	i := authntest.NewIssuer(t)
	a := start(t, authn.Config{Issuers: []authn.Issuer{trusting(i)}})
	sign := func(header, changes map[string]any) string {
		claims := i.Claims(audience, workload)
		maps.Copy(claims, changes)
		return i.Key().Sign(t, header, claims)
	}
	for name, token := range map[string]string{
		"several audiences with ours":         sign(nil, map[string]any{"aud": []string{"other", audience}}),
		"no type":                             sign(map[string]any{"typ": nil}, nil),
		"an access token by RFC 9068":         sign(map[string]any{"typ": "at+jwt"}, nil),
		"no name of a key":                    sign(map[string]any{"kid": nil}, nil),
		"a key that it brings is not read":    sign(map[string]any{"jku": "http://127.0.0.1:1/", "x5u": "x"}, nil),
		"valid in ten seconds, by its clock":  sign(nil, map[string]any{"nbf": time.Now().Add(10 * time.Second).Unix()}),
		"times with fractions":                sign(nil, map[string]any{"exp": float64(time.Now().Add(time.Hour).Unix()) + 0.5}),
		"just under the limit of size":        sign(nil, map[string]any{"x": strings.Repeat("x", 11<<10)}),
		"a claim of another case beside ours": sign(nil, map[string]any{"groupS": "a", "Groups": "b"}),
	} {
		if got := answer(a, bearer(token)); got != "ci:"+workload {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestFirstSubjectThatMatchesCounts(t *testing.T) {
	i := authntest.NewIssuer(t)
	c := trusting(i)
	c.Subjects = []authn.Subject{
		{Match: "repo:my-org/payments:environment:prod", Tenant: "payments", Groups: []string{"prod"}},
		{Match: "repo:my-org/payments:*", Tenant: "payments", Groups: []string{"ci"}, GroupsClaim: "roles"},
		{Match: "jane@example.com", Claim: "email", Tenant: "people", GroupsClaim: "roles"},
		{Match: "my-org/tools", Claim: "repository", Tenant: "tools"},
	}
	a := start(t, authn.Config{Issuers: []authn.Issuer{c}})
	for name, test := range map[string]struct {
		subject string
		changes map[string]any
		tenant  string
		groups  []string
		reason  string
	}{
		"the narrow one stands first": {subject: "repo:my-org/payments:environment:prod", tenant: "payments", groups: []string{"prod"}},
		"the wide one takes the rest": {subject: workload, tenant: "payments", groups: []string{"ci"}},
		"groups of the token are added once": {
			subject: workload, changes: map[string]any{"roles": []string{"a", "ci", "a"}}, tenant: "payments", groups: []string{"ci", "a"},
		},
		"one group may be a text": {subject: workload, changes: map[string]any{"roles": "a"}, tenant: "payments", groups: []string{"ci", "a"}},
		"a repository by its claim": {
			subject: "anything", changes: map[string]any{"repository": "my-org/tools"}, tenant: "tools",
		},
		"a verified address": {
			subject: "8f2c", changes: map[string]any{"email": "jane@example.com", "email_verified": true}, tenant: "people",
		},
		"an address that nobody verified": {
			subject: "8f2c", changes: map[string]any{"email": "jane@example.com", "email_verified": false}, reason: authn.NotAdmitted,
		},
		"an address of which nothing is said": {subject: "8f2c", changes: map[string]any{"email": "jane@example.com"}, reason: authn.NotAdmitted},
		"groups that are no texts":            {subject: workload, changes: map[string]any{"roles": []any{"a", 1}}, reason: authn.NotAdmitted},
		"groups that are not plain":           {subject: workload, changes: map[string]any{"roles": "a\nb"}, reason: authn.NotAdmitted},
		"groups without end":                  {subject: workload, changes: map[string]any{"roles": make([]string, 300)}, reason: authn.NotAdmitted},
		"a name of another tenant":            {subject: "repo:my-org/payments-evil:ref:refs/heads/main", reason: authn.NotAdmitted},
		"a name that only starts right":       {subject: "repo:my-org/payments", reason: authn.NotAdmitted},
		"the case of a name":                  {subject: strings.ToUpper(workload), reason: authn.NotAdmitted},
	} {
		t.Run(name, func(t *testing.T) {
			shown := bearer(i.Token(audience, test.subject, test.changes))
			if test.reason != "" {
				if got := answer(a, shown); got != test.reason {
					t.Errorf("got %s, want %s", got, test.reason)
				}
				return
			}
			p, err := a.Authenticate(t.Context(), shown)
			if err != nil {
				t.Fatal(err)
			}
			if p.Name != "ci:"+test.subject || p.Tenant != test.tenant || strings.Join(p.Groups, " ") != strings.Join(test.groups, " ") {
				t.Errorf("got %s of %s in %v", p.Name, p.Tenant, p.Groups)
			}
		})
	}
}

// TestTwoIssuersCannotMintOnePrincipal: two issuers may have equal claims. The configured names of the
// issuers differ.
func TestTwoIssuersCannotMintOnePrincipal(t *testing.T) {
	one, two := authntest.NewIssuer(t), authntest.NewIssuer(t)
	first, second := trusting(one), trusting(two)
	second.Name = "other"
	a := start(t, authn.Config{Issuers: []authn.Issuer{first, second}})
	if x, y := answer(a, bearer(one.Token(audience, workload, nil))), answer(a, bearer(two.Token(audience, workload, nil))); x != "ci:"+workload || y != "other:"+workload {
		t.Errorf("got %s and %s", x, y)
	}
	// One issuer signs a token with the iss of the other.
	if got := answer(a, bearer(one.Token(audience, workload, map[string]any{"iss": two.URL}))); got != authn.BadSignature {
		t.Errorf("got %s", got)
	}
}

func TestTokenIsAnAPIKeyWhereNoIssuerIsTrusted(t *testing.T) {
	i := authntest.NewIssuer(t)
	a := start(t, authn.Config{})
	if got := answer(a, bearer(i.Token(audience, workload, nil))); got != authn.Unknown {
		t.Errorf("got %s", got)
	}
}

func TestTokenIsNoKeyOfTheOlderScheme(t *testing.T) {
	i := authntest.NewIssuer(t)
	a := start(t, authn.Config{Issuers: []authn.Issuer{trusting(i)}})
	if got := answer(a, authn.Credentials{Email: "a@example.com", Key: i.Token(audience, workload, nil)}); got != authn.Unknown {
		t.Errorf("got %s", got)
	}
}
