package main

import (
	"fmt"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/authn/authntest"
)

// An operator can mend the configuration only with the issuer and the subject
// of the refused token.
func TestTheLogNamesACredentialThatWasVerifiedAndNotAdmitted(t *testing.T) {
	t.Parallel()
	d := openDoor(t, setup{})
	const unheard = "repo:my-org/unheard:ref:refs/heads/main"
	const unlisted = "spiffe://prod.example.com/ns/unheard/sa/api"
	for name, test := range map[string]struct {
		shown shown
		wants []string
	}{
		"token": {
			bearer(d.issuer.Token(doorAudience, unheard, map[string]any{"jti": "token-7"})),
			[]string{unheard, d.issuer.URL, `"ci"`, "token-7"},
		},
		"audience":    {bearer(d.issuer.Token("vault.example.com", unheard, nil)), []string{unheard, d.issuer.URL, "vault.example.com", doorAudience}},
		"certificate": {certified(d.authority.Sign(authntest.Leaf{URIs: []string{unlisted}})), []string{unlisted, "test authority"}},
	} {
		read := d.attempts()[1]
		if got, err := d.overREST(t, test.shown, read, "rest-"+name); err != nil || got.status != 401 || strings.Contains(got.body, "unheard") {
			t.Errorf("%s over REST: %d %s %v", name, got.status, got.body, err)
		}
		if got := d.overGRPC(t, test.shown, read, "grpc-"+name); got.err == nil || strings.Contains(got.err.Error(), "unheard") {
			t.Errorf("%s over gRPC: %v", name, got.err)
		}
		for _, id := range []string{"rest-" + name, "grpc-" + name} {
			line := callLine(d.out.String(), id)
			for _, want := range test.wants {
				if !strings.Contains(line, want) {
					t.Errorf("the line of %s lacks %q: %s", id, want, line)
				}
			}
		}
	}
}

// callLine returns the logged error of the call with a request id.
func callLine(log, id string) string {
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"request_id":"`+id+`"`) && strings.Contains(line, `"msg":"call"`) {
			return strings.ReplaceAll(line, `\"`, `"`)
		}
	}
	return ""
}

// Tokens of users in many groups have 8 KiB and more, which is half of the
// limit for a token.
func TestALargeTokenOpensTheDoorOverBothProtocols(t *testing.T) {
	t.Parallel()
	d := openDoor(t, setup{})
	groups := make([]string, 220)
	for n := range groups {
		groups[n] = fmt.Sprintf("5f1c2d3e-0000-4000-8000-%012d", n)
	}
	token := d.issuer.Token(doorAudience, doorSubject, map[string]any{"groups": groups})
	if len(token) < 10<<10 {
		t.Fatalf("the token has %d bytes only", len(token))
	}
	read := d.attempts()[1]
	if got, err := d.overREST(t, bearer(token), read, "large-rest"); err != nil || got.status != 200 {
		t.Errorf("over REST: %d %s %v", got.status, got.body, err)
	}
	if got := d.overGRPC(t, bearer(token), read, "large-grpc"); got.err != nil {
		t.Errorf("over gRPC: %v", got.err)
	}
}
