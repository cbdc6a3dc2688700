package access

import (
	"crypto/x509"
	"regexp"
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
}

// jwtForm is three parts of base64url with dots between. The last, a signature,
// is empty in an unsigned token, which is to be refused as a token.
var jwtForm = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$`)

// secret is what a header held.
type secret struct {
	text string
	// bearer says that it may be a token, and not only an API key.
	bearer bool
}

// onlyCertificate reports whether a certificate is all that the caller showed.
func (c Credentials) onlyCertificate() bool {
	return c.Authorization == "" && c.Email == "" && c.Key == "" && len(c.Chains) > 0 && len(c.Chains[0]) > 0
}

// secret picks the secret out of the scheme that was used.
func (c Credentials) secret() (secret, error) {
	switch {
	case c.Authorization != "":
		scheme, text, found := strings.Cut(c.Authorization, " ")
		text = strings.TrimSpace(text)
		if !found || text == "" || !strings.EqualFold(scheme, "Bearer") {
			return secret{}, refused(Malformed, "The authorization header must be: Bearer, a space, and an API key of Storekeeper or a token of an issuer that it trusts.")
		}
		return secret{text: text, bearer: true}, nil
	case c.Key != "" && c.Email != "":
		return secret{text: c.Key}, nil
	case c.Key != "":
		return secret{}, refused(Malformed, "The header x-auth-key needs x-auth-email beside it.")
	default:
		return secret{}, refused(Missing, "The call has no credential: send the header authorization with Bearer and an API key of Storekeeper or a token of an issuer that it trusts.")
	}
}
