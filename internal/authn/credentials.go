package authn

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"strings"
)

// Credentials are the credentials of a call as they were received.
type Credentials struct {
	// Authorization is the value of the header of that name.
	Authorization string
	// Email and Key are the headers X-Auth-Email and X-Auth-Key of Cloudflare's
	// older scheme. Key is an API key of Storekeeper.
	Email, Key string
	// Chains are the verified chains of the client certificate,
	// tls.ConnectionState.VerifiedChains. They count only if no header is sent,
	// so a valid certificate never saves an invalid header.
	Chains [][]*x509.Certificate

	// malformed refuses the call whatever the other credentials are.
	malformed error
}

// ReadHeaders returns the credentials in the lines of the three headers. Nil: the header was not sent. A
// header that is empty or was sent more than once makes Authenticate refuse the call: servers and proxies
// disagree on which line counts, and an empty header indicates an unset variable.
func ReadHeaders(authorization, email, key []string) Credentials {
	var c Credentials
	var malformed [3]error
	c.Authorization, malformed[0] = singleLine("authorization", authorization)
	c.Email, malformed[1] = singleLine("x-auth-email", email)
	c.Key, malformed[2] = singleLine("x-auth-key", key)
	c.malformed = cmp.Or(malformed[:]...)
	return c
}

// singleLine returns the only line of a header.
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

// jwtForm reports whether a text consists of three base64url parts separated by dots. The signature, the last
// part, is empty in an unsigned token, which is refused later. A regular expression would take as long as the
// rest of the call.
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

// presentedSecret is the secret in a header.
type presentedSecret struct {
	text string
	// bearer says that the secret may be a token and not only an API key.
	bearer bool
}

// digest returns the SHA-256 of the secret. The copy that is hashed stays on
// the stack, except for very long tokens.
func (s presentedSecret) digest() [sha256.Size]byte {
	var room [1024]byte
	return sha256.Sum256(append(room[:0], s.text...))
}

// onlyCertificate reports whether a certificate is the only credential.
func (c Credentials) onlyCertificate() bool {
	return c.Authorization == "" && c.Email == "" && c.Key == "" && len(c.Chains) > 0 && len(c.Chains[0]) > 0
}

// secret returns the secret of the scheme that the caller used.
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
