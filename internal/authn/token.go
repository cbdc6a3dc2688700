package authn

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

// maxToken is the maximum size of a token, in bytes. GitHub's tokens have less than 3 KiB, tokens of people
// in many groups less than 10 KiB.
const maxToken = 16 << 10

// unverifiedToken holds the unverified content of a token. It only selects the issuer and the key for the
// verification.
type unverifiedToken struct {
	text, issuer, keyID, algorithm string
}

// header is the part of a token's header that is read. A key in the header (jwk, jku, x5c, x5u) is never
// used.
type header struct {
	Algorithm string          `json:"alg"`
	Type      string          `json:"typ"`
	KeyID     string          `json:"kid"`
	Critical  json.RawMessage `json:"crit"`
}

// parseUnverified reads the header and the issuer of a token. It uses the JSON parser of the JOSE library,
// which distinguishes Iss from iss and refuses duplicate names, so that both read the same token.
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

// readPart decodes one part of a token.
func readPart(part string, into any) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
	return err == nil && shallow(raw) && json.Unmarshal(raw, into) == nil
}

// accessType reports whether a token type is accepted. A logout token or a
// security event is signed with the same keys and is refused.
func accessType(typ string) bool {
	return slices.Contains([]string{"", "jwt", "at+jwt", "application/jwt", "application/at+jwt"}, strings.ToLower(typ))
}

// maxLevels is the maximum nesting of a token's JSON.
const maxLevels = 16

// shallow reports whether JSON has at most maxLevels levels. JSON parsers
// recurse once per level.
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
