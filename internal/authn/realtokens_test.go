package authn_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authn/authntest"
)

// TestFormsOfClaimsThatAreValidAreAccepted: each form is valid by RFC 7519. A NumericDate is any JSON number,
// and an audience may be a string or a list.
func TestFormsOfClaimsThatAreValidAreAccepted(t *testing.T) {
	i := authntest.NewIssuer(t)
	a := start(t, authn.Config{Issuers: []authn.Issuer{trusting(i)}})
	end := time.Now().Add(time.Hour).Unix()
	raw := func(aud, times string) string {
		return authntest.Forge(t, map[string]any{"alg": "ES256", "kid": i.Key().ID},
			fmt.Appendf(nil, `{"iss":%q,"sub":%q,"aud":%s,%s}`, i.URL, workload, aud, times), i.Key().Signature(t))
	}
	for name, token := range map[string]string{
		"a list of one audience":      raw(`["`+audience+`"]`, fmt.Sprintf(`"exp":%d`, end)),
		"an end with a fraction":      raw(`"`+audience+`"`, fmt.Sprintf(`"exp":%d.75`, end)),
		"an end in exponent form":     raw(`"`+audience+`"`, fmt.Sprintf(`"exp":%s,"iat":1.7e9`, exponent(end))),
		"an end with a zero fraction": raw(`"`+audience+`"`, fmt.Sprintf(`"exp":%d.0,"nbf":1.7E+9`, end)),
		"no time but the end":         raw(`"`+audience+`"`, fmt.Sprintf(`"exp":%d`, end)),
		"an end that is far away":     raw(`"`+audience+`"`, `"exp":253402300799`),
	} {
		if got := answer(a, bearer(token)); got != "ci:"+workload {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

// exponent writes a time as 1.234567890e9.
func exponent(seconds int64) string {
	digits := fmt.Sprint(seconds)
	return digits[:1] + "." + digits[1:] + "e" + fmt.Sprint(len(digits)-1)
}

func TestTypesOfAccessTokensAreAccepted(t *testing.T) {
	i := authntest.NewIssuer(t)
	a := start(t, authn.Config{Issuers: []authn.Issuer{trusting(i)}})
	for _, typ := range []string{"JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/jwt"} {
		if got := answer(a, bearer(i.Key().Sign(t, map[string]any{"typ": typ}, i.Claims(audience, workload)))); got != "ci:"+workload {
			t.Errorf("%s: got %s", typ, got)
		}
	}
}

// Tokens of people in many groups have 8 KiB and more.
func TestLargeTokensAreAccepted(t *testing.T) {
	i := authntest.NewIssuer(t)
	c := trusting(i)
	c.Subjects[0].GroupsClaim = "groups"
	a := start(t, authn.Config{Issuers: []authn.Issuer{c}})
	var groups []string
	for n := range 200 {
		groups = append(groups, fmt.Sprintf("5f1c2d3e-0000-4000-8000-%012d", n))
	}
	token := i.Token(audience, workload, map[string]any{"groups": groups})
	p, err := a.Authenticate(t.Context(), bearer(token))
	if err != nil || len(token) < 8<<10 || len(p.Groups) != 201 {
		t.Errorf("a token of %d bytes: %d groups, %v", len(token), len(p.Groups), err)
	}
}

func TestFactsOfOtherFormsAreLeftOut(t *testing.T) {
	i := authntest.NewIssuer(t)
	claims := i.Claims(audience, workload)
	maps.Copy(claims, map[string]any{"kubernetes.io": "no object", "jti": 7})
	a := start(t, authn.Config{Issuers: []authn.Issuer{trusting(i)}})
	p, err := a.Authenticate(t.Context(), bearer(i.Key().Sign(t, nil, claims)))
	if err != nil || p.Credential.ID != "" || p.Credential.RunID != "" {
		t.Errorf("got %+v, %v", p.Credential, err)
	}
}
