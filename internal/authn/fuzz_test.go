package authn_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authn/authntest"
	"platform.internal/storekeeper/internal/fault"
)

// FuzzAuthorization: with any header, only a token of the issuer is accepted, and the answer never repeats
// the header.
func FuzzAuthorization(f *testing.F) {
	i := authntest.NewIssuer(f)
	a := start(f, authn.Config{Issuers: []authn.Issuer{trusting(i)}})
	good := i.Token(audience, workload, nil)
	f.Add("Bearer " + good)
	f.Add("bearer  " + good + " ")
	f.Add("Bearer " + strings.TrimRight(good, "-"))
	f.Add("Bearer a.b.c")
	f.Add("Bearer ..")
	for _, header := range []string{`{"alg":"none"}`, `{"alg":"HS256"}`, `{"alg":"ES256","crit":["b64"]}`, `{"alg":"ES256","jwk":{}}`, `[`, `null`} {
		for _, claims := range []string{`{"iss":"` + i.URL + `"}`, `{"iss":1}`, `null`, `{"iss":"a","iss":"b"}`} {
			f.Add("Bearer " + b64(header) + "." + b64(claims) + ".AAAA")
		}
	}
	f.Fuzz(func(t *testing.T, header string) {
		p, err := a.Authenticate(context.Background(), authn.Credentials{Authorization: header})
		_, shown, _ := strings.Cut(header, " ")
		if err == nil {
			if strings.TrimSpace(shown) != good {
				t.Fatalf("%s was let in by %q", p.Name, header)
			}
			return
		}
		if p.Name != "" {
			t.Errorf("%s and the error %v", p.Name, err)
		}
		if fault.From(err).Kind != fault.Unauthenticated && fault.From(err).Reason != authn.IssuerUnavailable && header != "" {
			t.Errorf("the error is %v", err)
		}
		if len(shown) > 60 && strings.Contains(err.Error(), shown) {
			t.Errorf("the error repeats what was sent: %v", err)
		}
	})
}

// FuzzClaims signs arbitrary claims: the subject alone determines the caller.
func FuzzClaims(f *testing.F) {
	i := authntest.NewIssuer(f)
	a := start(f, authn.Config{Issuers: []authn.Issuer{trusting(i)}})
	key := authntest.NewKey(f, jose.EdDSA)
	i.Publish(key)
	for _, claims := range []string{
		`{"iss":"ISS","aud":"` + audience + `","sub":"` + workload + `","exp":9999999999}`,
		`{"iss":"ISS","aud":["` + audience + `"],"sub":"` + workload + `","exp":9999999999,"nbf":1,"x":[{"y":null}]}`,
		`{"iss":"ISS","aud":"` + audience + `","Sub":"` + workload + `","exp":9.9e9}`,
		`{"iss":"ISS"}`, `{"iss":"ISS","exp":-1e400}`, `{"iss":"ISS","iss":"ISS"}`, "{\"iss\":\"ISS\",\"sub\":\"\xff\"}",
	} {
		f.Add(claims)
	}
	f.Fuzz(func(t *testing.T, claims string) {
		signed := authntest.Forge(t, map[string]any{"alg": "EdDSA", "kid": key.ID}, []byte(strings.ReplaceAll(claims, "ISS", i.URL)), key.Signature(t))
		p, err := a.Authenticate(context.Background(), bearer(signed))
		if err != nil {
			return
		}
		if !strings.HasPrefix(p.Name, "ci:repo:my-org/payments:") || p.Name != "ci:"+p.Claims.All()["sub"].(string) || p.Claims.All()["iss"] != i.URL || p.Expires.IsZero() {
			t.Errorf("%+v was let in by %q", p, claims)
		}
	})
}

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
