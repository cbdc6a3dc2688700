package authn

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// APIKey is an accepted key, stored as a digest.
type APIKey struct {
	// Digest is the SHA-256 of the key.
	Digest [sha256.Size]byte
	// Principal is the holder of the key. New sets its kind. The key is valid from NotBefore (inclusive) to
	// Expires (exclusive).
	Principal Principal
}

// ParseDigest parses a SHA-256 digest of 64 hexadecimal digits.
func ParseDigest(text string) ([sha256.Size]byte, error) {
	var digest [sha256.Size]byte
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != sha256.Size {
		return digest, fmt.Errorf("a digest must be %d hexadecimal digits", 2*sha256.Size)
	}
	copy(digest[:], raw)
	return digest, nil
}

// keyIDBytes is the number of bytes of a digest in the KeyID of a principal.
const keyIDBytes = 8

// digestKeys returns the principals by digest. Two principals cannot have the same key.
func digestKeys(keys []APIKey) (map[[sha256.Size]byte]Principal, error) {
	known := make(map[[sha256.Size]byte]Principal, len(keys))
	for _, k := range keys {
		if other, taken := known[k.Digest]; taken {
			return nil, fmt.Errorf("callers %q and %q hold the same API key", other.Name, k.Principal.Name)
		}
		k.Principal.Kind, k.Principal.KeyID = KindAPIKey, hex.EncodeToString(k.Digest[:keyIDBytes])
		known[k.Digest] = k.Principal
	}
	return known, nil
}

// valid returns why the key of a principal is not valid now.
func (a *Authenticator) valid(p *Principal) error {
	if p.NotBefore.IsZero() && p.Expires.IsZero() {
		return nil
	}
	now := a.clock()
	switch {
	case now.Before(p.NotBefore):
		return fault.New(fault.Unauthenticated, NotYetValid, "The API key is not valid yet; wait, or use another.").
			Because(fmt.Errorf("a key of caller %q is valid from %s", p.Name, p.NotBefore.Format(time.RFC3339)))
	case !p.Expires.IsZero() && !now.Before(p.Expires):
		return fault.New(fault.Unauthenticated, Expired, "The API key has expired; ask the operators of Storekeeper for a new one.").
			Because(fmt.Errorf("a key of caller %q expired at %s", p.Name, p.Expires.Format(time.RFC3339)))
	}
	return nil
}
