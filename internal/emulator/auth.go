package emulator

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

// callerCredential is the authenticated credential of a request.
type callerCredential struct {
	// id identifies the credential and reveals nothing else about it.
	id string
	// token is the API token. It is empty for a global API key.
	token string
	email string
}

// tokenEmail is the e-mail address of the user of every token.
const tokenEmail = "emulator@example.com"

// authenticate authenticates a request. An Authorization header takes precedence, because SDKs send all their
// credentials.
func (e *Emulator) authenticate(h http.Header) (callerCredential, *httpAnswer) {
	if given := h.Get("Authorization"); given != "" {
		return e.byToken(given)
	}
	return e.byKey(Key{Email: h.Get("X-Auth-Email"), Key: h.Get("X-Auth-Key")})
}

func (e *Emulator) byToken(header string) (callerCredential, *httpAnswer) {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsFunc(token, notInToken) {
		return callerCredential{}, new(badHeaders())
	}
	if !e.acceptsAll() && !slices.Contains(e.config.Tokens, token) {
		return callerCredential{}, new(notAuthenticated())
	}
	return callerCredential{id: fingerprint("token " + token), token: token, email: tokenEmail}, nil
}

// notInToken reports whether a character cannot be in a credential.
func notInToken(r rune) bool { return r <= ' ' || r > '~' }

func (e *Emulator) byKey(k Key) (callerCredential, *httpAnswer) {
	if k.Email == "" || k.Key == "" {
		return callerCredential{}, new(noCredentials())
	}
	if !e.acceptsAll() && !slices.Contains(e.config.Keys, k) {
		return callerCredential{}, new(notAuthenticated())
	}
	return callerCredential{id: fingerprint("key " + k.Email + " " + k.Key), email: k.Email}, nil
}

func (e *Emulator) acceptsAll() bool {
	return len(e.config.Tokens) == 0 && len(e.config.Keys) == 0
}

// mayUse reports whether a credential may use an account.
func (a Account) mayUse(who callerCredential) bool {
	return who.token == "" || len(a.Tokens) == 0 || slices.Contains(a.Tokens, who.token)
}

// fingerprint returns an identifier derived from a text by a hash.
func fingerprint(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:identifierLength/2])
}
