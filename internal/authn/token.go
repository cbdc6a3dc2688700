package authn

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

// maxToken is the most bytes of a token that is read. GitHub's tokens have
// under 3 KiB, and those of people in many groups under 10.
const maxToken = 16 << 10

// unverifiedToken is what a token says of itself before anyone has checked it. It
// decides who checks, and nothing else.
type unverifiedToken struct {
	text, issuer, keyID, algorithm string
}

// header is what is read of a token's header. A key that it brings along (jwk,
// jku, x5c, x5u) is never looked at.
type header struct {
	Algorithm string          `json:"alg"`
	Type      string          `json:"typ"`
	KeyID     string          `json:"kid"`
	Critical  json.RawMessage `json:"crit"`
}

// parseUnverified reads the header and the issuer of a token of jwtForm. The JSON reader is
// the one of the JOSE library: it tells Iss from iss and refuses a name that
// stands there twice, so that nobody reads another token than we do.
func parseUnverified(token string) (unverifiedToken, error) {
	if len(token) > maxToken {
		return unverifiedToken{}, refused(Malformed, "The token must have at most 16384 bytes.")
	}
	parts := strings.Split(token, ".")
	var h header
	var claims struct {
		Issuer string `json:"iss"`
	}
	if !readPart(parts[0], &h) || !readPart(parts[1], &claims) {
		return unverifiedToken{}, refused(Malformed, "The token must be a signed JSON Web Token: a header, claims and a signature.")
	}
	if h.Critical != nil {
		return unverifiedToken{}, refused(Malformed, "The token must not have critical extensions.")
	}
	if !accessType(h.Type) {
		return unverifiedToken{}, refused(Malformed, "The token must be of type JWT or at+jwt, or of no type.")
	}
	return unverifiedToken{text: token, issuer: claims.Issuer, keyID: h.KeyID, algorithm: h.Algorithm}, nil
}

// readPart reads one part of a token into a struct.
func readPart(part string, into any) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
	return err == nil && shallow(raw) && json.Unmarshal(raw, into) == nil
}

// accessType reports whether a type is one of tokens that let their bearer in.
// A logout token or a security event is signed by the same keys.
func accessType(typ string) bool {
	return slices.Contains([]string{"", "jwt", "at+jwt", "application/jwt", "application/at+jwt"}, strings.ToLower(typ))
}

// maxLevels is how deep the JSON of a token may be nested.
const maxLevels = 16

// shallow reports whether JSON is nested at most maxLevels deep. Readers of JSON
// call themselves for each level.
func shallow(raw []byte) bool {
	depth, quoted, escaped := 0, false, false
	for _, c := range raw {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth > maxLevels {
			return false
		}
	}
	return true
}
