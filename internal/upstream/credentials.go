package upstream

import (
	"fmt"
	"io"
	"net/http"
)

const redacted = "[redacted]"

// CredentialFiles names the files of a credential. Exactly one form must be given: APITokenFile, or
// Email with APIKeyFile.
type CredentialFiles struct {
	// APITokenFile holds an API token of a user or an account.
	APITokenFile string
	// Email is the address of the user with the global key in APIKeyFile.
	Email string
	// APIKeyFile holds a global API key.
	APIKeyFile string
}

// CredentialEvent is the result of a change of a credential file.
type CredentialEvent struct {
	// Account is the identifier of the account.
	Account string
	// Err is the reason why the file's content is not in use: the file cannot be read, the
	// credential could not be tested yet, or Cloudflare refused the credential. The previous
	// credential stays in use. A refused credential is not tested again until the file changes; a
	// credential that could not be tested is retried automatically. If Err is nil, the file's
	// content is in use. The error contains no part of a credential.
	Err error
}

// Token is a text that prints as "[redacted]" under every formatter.
type Token struct {
	// text is behind a pointer because fmt ignores methods when it prints an unexported field of
	// another struct, but prints a nested pointer as an address.
	text *string
}

// NewToken makes a Token from a text.
func NewToken(text string) Token { return Token{text: &text} }

// String returns "[redacted]".
func (Token) String() string { return redacted }

// GoString returns "[redacted]".
func (Token) GoString() string { return redacted }

// Format prints "[redacted]" for every verb.
func (Token) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalJSON returns "[redacted]" as a JSON string.
func (Token) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

func (t Token) reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// liveCredential authenticates Storekeeper to Cloudflare: an API token, or a global key with an
// e-mail address. It prints like a Token.
type liveCredential struct {
	Token
	email string
	// headers is a pointer for the same reason as Token.text.
	headers *requestHeaders
}

// requestHeaders are the headers of all requests with a credential. They must not be changed.
type requestHeaders struct{ withoutBody, withBody http.Header }

func newCredential(token Token, email, agent string) liveCredential {
	// The names are in canonical form.
	h := http.Header{"Accept": {jsonType}, "User-Agent": {agent}}
	if email == "" {
		h["Authorization"] = []string{"Bearer " + token.reveal()}
	} else {
		h["X-Auth-Email"], h["X-Auth-Key"] = []string{email}, []string{token.reveal()}
	}
	withBody := h.Clone()
	withBody["Content-Type"] = []string{jsonType}
	return liveCredential{Token: token, email: email, headers: &requestHeaders{withoutBody: h, withBody: withBody}}
}
