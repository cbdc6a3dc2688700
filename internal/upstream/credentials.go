package upstream

import (
	"fmt"
	"io"
	"net/http"
)

const redacted = "[redacted]"

// CredentialFiles says where a credential is read from. Exactly one of the two
// forms is given: APITokenFile, or Email with APIKeyFile.
type CredentialFiles struct {
	// APITokenFile holds an API token, user owned or account owned.
	APITokenFile string
	// Email is the address of the user whose global key APIKeyFile holds.
	Email string
	// APIKeyFile holds a global API key.
	APIKeyFile string
}

// CredentialEvent says what became of a change of a credential file.
type CredentialEvent struct {
	// Account is the identifier of the account.
	Account string
	// Err says why what the file holds is not in use: it cannot be read, it
	// could not be tried yet, or Cloudflare refused it. The one before stays in
	// use. A credential that was refused is not tried again until the file
	// changes; one that could not be tried is, by itself. Nil means that what
	// the file holds is in use now. The error holds nothing of a credential.
	Err error
}

// Token is a text that prints as "[redacted]", whatever prints it.
type Token struct {
	// text is behind a pointer because fmt ignores methods when it prints an
	// unexported field of another struct, and a nested pointer prints as an
	// address.
	text *string
}

// NewToken makes a token of its text.
func NewToken(text string) Token { return Token{text: &text} }

// String gives "[redacted]".
func (Token) String() string { return redacted }

// GoString gives "[redacted]".
func (Token) GoString() string { return redacted }

// Format prints "[redacted]" for every verb.
func (Token) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalJSON gives "[redacted]" as a JSON string.
func (Token) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

func (t Token) reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// liveCredential is what proves to Cloudflare who we are. Without an e-mail
// address it is an API token, with one a global key. It prints like a Token.
type liveCredential struct {
	Token
	email string
}

func (c liveCredential) put(h http.Header) {
	if c.email == "" {
		h.Set("Authorization", "Bearer "+c.reveal())
		return
	}
	h.Set("X-Auth-Email", c.email)
	h.Set("X-Auth-Key", c.reveal())
}
