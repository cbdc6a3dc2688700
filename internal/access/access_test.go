package access_test

import (
	"context"
	"crypto/sha256"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/access"
	"platform.internal/storekeeper/internal/fault"
)

const teamKey = "sk_team_a_9f2c"

func authenticator(t *testing.T) *access.Authenticator {
	t.Helper()
	a, err := access.New(access.Config{APIKeys: []access.APIKey{
		{Digest: sha256.Sum256([]byte(teamKey)), Principal: access.Principal{Name: "team-a"}},
		{Digest: sha256.Sum256([]byte("sk_team_a_next")), Principal: access.Principal{Name: "team-a"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAuthenticate(t *testing.T) {
	cases := []struct {
		name   string
		shown  access.Credentials
		caller string
		reason string
	}{
		{"a bearer key is known", access.Credentials{Authorization: "Bearer " + teamKey}, "team-a", ""},
		{"the scheme may be written in any case", access.Credentials{Authorization: "bearer " + teamKey}, "team-a", ""},
		{"a second key of the same caller is known", access.Credentials{Authorization: "Bearer sk_team_a_next"}, "team-a", ""},
		{"the older scheme is known", access.Credentials{Email: "x@example.com", Key: teamKey}, "team-a", ""},
		{"authorization counts where both are sent", access.Credentials{Authorization: "Bearer wrong", Email: "x@example.com", Key: teamKey}, "", "CREDENTIAL_UNKNOWN"},
		{"nothing is missing", access.Credentials{}, "", "CREDENTIAL_MISSING"},
		{"a key without an e-mail is malformed", access.Credentials{Key: teamKey}, "", "CREDENTIAL_MALFORMED"},
		{"an e-mail without a key is missing", access.Credentials{Email: "x@example.com"}, "", "CREDENTIAL_MISSING"},
		{"another scheme is malformed", access.Credentials{Authorization: "Basic " + teamKey}, "", "CREDENTIAL_MALFORMED"},
		{"a scheme without a key is malformed", access.Credentials{Authorization: "Bearer "}, "", "CREDENTIAL_MALFORMED"},
		{"a bare key is malformed", access.Credentials{Authorization: teamKey}, "", "CREDENTIAL_MALFORMED"},
		{"a key that only starts right is unknown", access.Credentials{Authorization: "Bearer " + teamKey + "x"}, "", "CREDENTIAL_UNKNOWN"},
		{"the digest itself is no key", access.Credentials{Authorization: "Bearer " + digestOf(teamKey)}, "", "CREDENTIAL_UNKNOWN"},
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
	_, err := access.New(access.Config{APIKeys: []access.APIKey{
		{Digest: digest, Principal: access.Principal{Name: "a"}},
		{Digest: digest, Principal: access.Principal{Name: "b"}},
	}})
	if err == nil || !strings.Contains(err.Error(), `"a" and "b"`) {
		t.Fatalf("got %v", err)
	}
}

func TestParseDigestRefusesOtherForms(t *testing.T) {
	for _, text := range []string{"", "abc", strings.Repeat("g", 64), strings.Repeat("a", 63), strings.Repeat("a", 66)} {
		if _, err := access.ParseDigest(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
	if _, err := access.ParseDigest(strings.Repeat("0A", 32)); err != nil {
		t.Errorf("a digest was refused: %v", err)
	}
}
