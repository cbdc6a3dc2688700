package authn_test

import (
	"context"
	"crypto/sha256"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/fault"
)

const teamKey = "sk_team_a_9f2c"

func authenticator(t *testing.T) *authn.Authenticator {
	t.Helper()
	a, err := authn.New(authn.Config{APIKeys: []authn.APIKey{
		{Digest: sha256.Sum256([]byte(teamKey)), Principal: authn.Principal{Name: "team-a"}},
		{Digest: sha256.Sum256([]byte("sk_team_a_next")), Principal: authn.Principal{Name: "team-a"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAuthenticate(t *testing.T) {
	cases := []struct {
		name   string
		shown  authn.Credentials
		caller string
		reason string
	}{
		{"a bearer key is known", authn.Credentials{Authorization: "Bearer " + teamKey}, "team-a", ""},
		{"the scheme may be written in any case", authn.Credentials{Authorization: "bearer " + teamKey}, "team-a", ""},
		{"a second key of the same caller is known", authn.Credentials{Authorization: "Bearer sk_team_a_next"}, "team-a", ""},
		{"the older scheme is known", authn.Credentials{Email: "x@example.com", Key: teamKey}, "team-a", ""},
		{"authorization counts where both are sent", authn.Credentials{Authorization: "Bearer wrong", Email: "x@example.com", Key: teamKey}, "", "CREDENTIAL_UNKNOWN"},
		{"nothing is missing", authn.Credentials{}, "", "CREDENTIAL_MISSING"},
		{"a key without an e-mail is malformed", authn.Credentials{Key: teamKey}, "", "CREDENTIAL_MALFORMED"},
		{"an e-mail without a key is missing", authn.Credentials{Email: "x@example.com"}, "", "CREDENTIAL_MISSING"},
		{"another scheme is malformed", authn.Credentials{Authorization: "Basic " + teamKey}, "", "CREDENTIAL_MALFORMED"},
		{"a scheme without a key is malformed", authn.Credentials{Authorization: "Bearer "}, "", "CREDENTIAL_MALFORMED"},
		{"a bare key is malformed", authn.Credentials{Authorization: teamKey}, "", "CREDENTIAL_MALFORMED"},
		{"a key that only starts right is unknown", authn.Credentials{Authorization: "Bearer " + teamKey + "x"}, "", "CREDENTIAL_UNKNOWN"},
		{"the digest itself is no key", authn.Credentials{Authorization: "Bearer " + digestOf(teamKey)}, "", "CREDENTIAL_UNKNOWN"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, err := authenticator(t).Authenticate(context.Background(), c.shown)
			if c.reason == "" {
				if err != nil || p.Name != c.caller {
					t.Fatalf("got %q, %v", p.Name, err)
				}
				return
			}
			f := fault.From(err)
			if f.Kind != fault.Unauthenticated || f.Reason != c.reason {
				t.Errorf("got %v %s, want %s", f.Kind, f.Reason, c.reason)
			}
			if strings.Contains(err.Error(), teamKey) {
				t.Errorf("the error holds the key: %v", err)
			}
		})
	}
}

func digestOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return string(sum[:])
}

func TestTwoCallersCannotHoldOneKey(t *testing.T) {
	digest := sha256.Sum256([]byte(teamKey))
	_, err := authn.New(authn.Config{APIKeys: []authn.APIKey{
		{Digest: digest, Principal: authn.Principal{Name: "a"}},
		{Digest: digest, Principal: authn.Principal{Name: "b"}},
	}})
	if err == nil || !strings.Contains(err.Error(), `"a" and "b"`) {
		t.Fatalf("got %v", err)
	}
}

func TestParseDigestRefusesOtherForms(t *testing.T) {
	for _, text := range []string{"", "abc", strings.Repeat("g", 64), strings.Repeat("a", 63), strings.Repeat("a", 66)} {
		if _, err := authn.ParseDigest(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
	if _, err := authn.ParseDigest(strings.Repeat("0A", 32)); err != nil {
		t.Errorf("a digest was refused: %v", err)
	}
}
