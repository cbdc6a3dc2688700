package emulator

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

// credential is who sent a request.
type credential struct {
	// id stays the same for the same credential and tells nothing about it.
	id string
	// token is empty for a global API key.
	token string
	email string
}

// tokenEmail is the address of the user behind every token.
const tokenEmail = "emulator@example.com"

// authenticate finds who sent a request. An Authorization header, when there
// is one, decides alone; SDKs send all credentials that they know.
func (e *Emulator) authenticate(h http.Header) (credential, *answer) {
	if given := h.Get("Authorization"); given != "" {
		return e.byToken(given)
	}
	return e.byKey(Key{Email: h.Get("X-Auth-Email"), Key: h.Get("X-Auth-Key")})
}

func (e *Emulator) byToken(header string) (credential, *answer) {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsFunc(token, notInToken) {
		return credential{}, new(badHeaders())
	}
	if !e.acceptsAll() && !slices.Contains(e.config.Tokens, token) {
		return credential{}, new(notAuthenticated())
	}
	return credential{id: fingerprint("token " + token), token: token, email: tokenEmail}, nil
}

// notInToken tells of characters that no credential in a header has.
func notInToken(r rune) bool { return r <= ' ' || r > '~' }

func (e *Emulator) byKey(k Key) (credential, *answer) {
	if k.Email == "" || k.Key == "" {
		return credential{}, new(noCredentials())
	}
	if !e.acceptsAll() && !slices.Contains(e.config.Keys, k) {
		return credential{}, new(notAuthenticated())
	}
	return credential{id: fingerprint("key " + k.Email + " " + k.Key), email: k.Email}, nil
}

func (e *Emulator) acceptsAll() bool {
	return len(e.config.Tokens) == 0 && len(e.config.Keys) == 0
}

// mayUse tells whether an account is open to a credential.
func (a Account) mayUse(who credential) bool {
	return who.token == "" || len(a.Tokens) == 0 || slices.Contains(a.Tokens, who.token)
}

// fingerprint makes an identifier of a text that cannot be turned back.
func fingerprint(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:identifierLength/2])
}
