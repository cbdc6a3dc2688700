package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"platform.internal/storekeeper/internal/emulator"
)

func TestANewCredentialIsTakenUpWithoutARestart(t *testing.T) {
	t.Parallel()
	const next = "cf-platform-token-of-tomorrow"
	p := start(t, setup{
		emulator: emulator.Config{Tokens: []string{platformToken, next}}, sets: []string{askEachTime, manyCalls, anyPace},
	})
	using := func() string {
		p.must("GET", "stores", "")
		// A new credential is verified in the background, with separate calls.
		for _, r := range slices.Backward(p.cf.Requests()) {
			if r.Operation == "secrets-store-list" {
				return r.Header.Get("Authorization")
			}
		}
		return ""
	}
	if got := using(); got != "Bearer "+platformToken {
		t.Fatalf("before: %s", got)
	}
	// As most tools replace a file: all at once.
	fresh := filepath.Join(p.folder, "fresh")
	p.writeFile(fresh, next)
	if err := os.Rename(fresh, p.tokenFile()); err != nil {
		t.Fatal(err)
	}
	p.await("the new token is used", func() bool { return using() == "Bearer "+next })
	p.await("the log tells of the new token", func() bool {
		return p.out.line("the changed platform credential is in use")["account"] == accountID
	})

	p.writeFile(p.tokenFile(), "")
	p.await("the log tells of the empty file", func() bool {
		using()
		return p.out.line("the changed platform credential is not in use; the one before is") != nil
	})
	if got := using(); got != "Bearer "+next {
		t.Errorf("with an empty file: %s", got)
	}
	p.mustHideNothing("the log", p.out.String())
}

func TestAGlobalKeyIsUsedInTheOlderScheme(t *testing.T) {
	t.Parallel()
	p := start(t, setup{
		emulator: emulator.Config{Tokens: []string{"none"}, Keys: []emulator.Key{{Email: "platform@example.com", Key: platformToken}}},
		sets:     []string{"accounts[0].credential.email=platform@example.com", "accounts[0].credential.api_key_file=token", "accounts[0].credential.api_token_file="},
	})
	if got := p.do("GET", "stores", ""); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	h := p.cf.Requests()[0].Header
	if h.Get("X-Auth-Email") != "platform@example.com" || h.Get("X-Auth-Key") != platformToken || h.Get("Authorization") != "" {
		t.Errorf("sent %v", h)
	}
}
