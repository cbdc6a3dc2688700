package authn

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"strings"
)

// Credentials are what a caller showed, as it came in.
type Credentials struct {
	// Authorization is the header of that name.
	Authorization string
	// Email and Key are the headers X-Auth-Email and X-Auth-Key of Cloudflare's
	// older scheme. The key is an API key of Storekeeper.
	Email, Key string
	// Chains are the chains of the client certificate that TLS has verified:
	// tls.ConnectionState.VerifiedChains. They count only where none of the
	// headers is there, so a bad header is never saved by a good certificate.
	Chains [][]*x509.Certificate

	// malformed refuses the call whatever else the caller showed.
	malformed error
}

// ReadHeaders returns the credentials in the lines of the three headers; nil is
// a header that was not sent. A header that came empty or more than once makes
// Authenticate refuse the call: servers and proxies disagree on the line that
// counts, and an empty line is a variable that was not set.
func ReadHeaders(authorization, email, key []string) Credentials {
	var c Credentials
	var malformed [3]error
	c.Authorization, malformed[0] = singleLine("authorization", authorization)
	c.Email, malformed[1] = singleLine("x-auth-email", email)
	c.Key, malformed[2] = singleLine("x-auth-key", key)
	c.malformed = cmp.Or(malformed[:]...)
	return c
}

// singleLine returns the one line of a header.
func singleLine(name string, lines []string) (string, error) {
	switch {
	case len(lines) == 0:
		return "", nil
	case len(lines) > 1:
		return "", refused(Malformed, "The header "+name+" must be sent once; it came more than once.")
	case strings.TrimSpace(lines[0]) == "":
		return "", refused(Malformed, "The header "+name+" is empty; send a credential in it, or leave it out.")
	}
	return lines[0], nil
}

// jwtForm reports whether a text is three parts of base64url with dots between.
// The last, a signature, is empty in an unsigned token, which is to be refused
// as a token. It is no regular expression, which takes as long over a token as
// everything else that a call is held against.
func jwtForm(text string) bool {
	parts, length := 1, 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '.' && length > 0 && parts < 3:
			parts, length = parts+1, 0
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
			length++
		default:
			return false
		}
	}
	return parts == 3
}

// presentedSecret is what a header held.
type presentedSecret struct {
	text string
	// bearer says that it may be a token, and not only an API key.
	bearer bool
}

// digest is the SHA-256 of the secret. The copy that is digested is on the stack
// for all but the longest tokens, so that it costs no memory.
func (s presentedSecret) digest() [sha256.Size]byte {
	var room [1024]byte
	return sha256.Sum256(append(room[:0], s.text...))
}

// onlyCertificate reports whether a certificate is all that the caller showed.
func (c Credentials) onlyCertificate() bool {
	return c.Authorization == "" && c.Email == "" && c.Key == "" && len(c.Chains) > 0 && len(c.Chains[0]) > 0
}

// secret picks the secret out of the scheme that was used.
func (c Credentials) secret() (presentedSecret, error) {
	switch {
	case c.Authorization != "":
		scheme, text, found := strings.Cut(c.Authorization, " ")
		text = strings.TrimSpace(text)
		if !found || text == "" || !strings.EqualFold(scheme, "Bearer") {
			return presentedSecret{}, refused(Malformed, "The authorization header must be: Bearer, a space, and an API key of Storekeeper or a token of an issuer that it trusts.")
		}
		return presentedSecret{text: text, bearer: true}, nil
	case c.Key != "" && c.Email != "":
		return presentedSecret{text: c.Key}, nil
	case c.Key != "":
		return presentedSecret{}, refused(Malformed, "The header x-auth-key needs x-auth-email beside it.")
	default:
		return presentedSecret{}, refused(Missing, "The call has no credential: send the header authorization with Bearer and an API key of Storekeeper or a token of an issuer that it trusts.")
	}
}
