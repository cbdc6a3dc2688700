// Package access finds out who is calling.
//
// It must not know what the call is: rights are judged elsewhere, and no
// credential leaves this package, not even in an error.
package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"platform.internal/storekeeper/internal/fault"
)

// Principal is a caller whose credential was good.
type Principal struct {
	// Name identifies the caller in logs and rules.
	Name string
	// Tenant is the team that the caller acts for. Empty where none is set.
	Tenant string
	// Groups are further names that rules can match.
	Groups []string
}

// Credentials are what a caller showed, as it came in.
type Credentials struct {
	// Authorization is the header of that name.
	Authorization string
	// Email and Key are the headers X-Auth-Email and X-Auth-Key of Cloudflare's
	// older scheme. The key is an API key of Storekeeper.
	Email, Key string
}

// APIKey is one key that is accepted, kept as a digest.
type APIKey struct {
	// Digest is the SHA-256 of the key.
	Digest [sha256.Size]byte
	// Principal is who holds the key.
	Principal Principal
}

// Authenticator knows the credentials that are accepted. It is safe for
// concurrent use.
type Authenticator struct {
	keys map[[sha256.Size]byte]Principal
}

// NewAuthenticator returns an Authenticator for the keys. Two principals
// cannot hold one key.
func NewAuthenticator(keys []APIKey) (*Authenticator, error) {
	known := make(map[[sha256.Size]byte]Principal, len(keys))
	for _, k := range keys {
		if other, taken := known[k.Digest]; taken {
			return nil, fmt.Errorf("callers %q and %q hold the same API key", other.Name, k.Principal.Name)
		}
		known[k.Digest] = k.Principal
	}
	return &Authenticator{keys: known}, nil
}

// ParseDigest reads a SHA-256 digest written as 64 hexadecimal digits.
func ParseDigest(text string) ([sha256.Size]byte, error) {
	var digest [sha256.Size]byte
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != sha256.Size {
		return digest, fmt.Errorf("a digest must be %d hexadecimal digits", 2*sha256.Size)
	}
	copy(digest[:], raw)
	return digest, nil
}

// Authenticate returns the caller that the credentials belong to. Where both
// schemes are sent, as the SDKs do when both are configured, Authorization
// counts. The error is a fault of kind Unauthenticated that says what is
// missing and never what was sent.
func (a *Authenticator) Authenticate(_ context.Context, c Credentials) (Principal, error) {
	key, err := c.secret()
	if err != nil {
		return Principal{}, err
	}
	// The digest is compared, never the key, so the time that a look-up takes
	// says nothing about the keys that exist.
	if p, ok := a.keys[sha256.Sum256([]byte(key))]; ok {
		return p, nil
	}
	return Principal{}, refused("CREDENTIAL_UNKNOWN", "The API key is not one that Storekeeper knows.")
}

// secret picks the key out of the scheme that was used.
func (c Credentials) secret() (string, error) {
	switch {
	case c.Authorization != "":
		scheme, key, found := strings.Cut(c.Authorization, " ")
		key = strings.TrimSpace(key)
		if !found || key == "" || !strings.EqualFold(scheme, "Bearer") {
			return "", refused("CREDENTIAL_MALFORMED", "The authorization header must be: Bearer, a space, and an API key of Storekeeper.")
		}
		return key, nil
	case c.Key != "" && c.Email != "":
		return c.Key, nil
	case c.Key != "":
		return "", refused("CREDENTIAL_MALFORMED", "The header x-auth-key needs x-auth-email beside it.")
	default:
		return "", refused("CREDENTIAL_MISSING", "The call has no credential: send the header authorization with Bearer and an API key of Storekeeper.")
	}
}

func refused(reason, public string) error {
	return fault.New(fault.Unauthenticated, reason, public)
}
