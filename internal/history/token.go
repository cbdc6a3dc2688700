package history

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"platform.internal/storekeeper/internal/audit"
)

// ErrToken is the error of a page token that does not belong to the filter.
var ErrToken = errors.New("the page token is not one of this filter")

// sealer returns the cipher of page tokens. The position in a token would reveal how many records other
// callers write.
func (r Reader) sealer() (cipher.AEAD, error) {
	key := sha256.Sum256(append([]byte("storekeeper page token\x00"), r.TokenKey...))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// formatToken returns the token of the page after a position. A token grants no access, because each page is
// filtered for its caller.
func (r Reader) formatToken(before uint64, f *Filter) (string, error) {
	seal, err := r.sealer()
	if err != nil {
		return "", err
	}
	// The nonce is derived from the content, so a page always has the same token.
	mac := hmac.New(sha256.New, append([]byte("nonce\x00"), r.TokenKey...))
	mac.Write(f.digest())
	mac.Write(binary.BigEndian.AppendUint64(nil, before))
	nonce := mac.Sum(nil)[:seal.NonceSize()]
	text := seal.Seal(slices.Clone(nonce), nonce, binary.BigEndian.AppendUint64(nil, before), f.digest())
	return base64.RawURLEncoding.EncodeToString(text), nil
}

func (r Reader) parseToken(token string, f *Filter) (before uint64, err error) {
	if token == "" {
		return 0, nil
	}
	seal, err := r.sealer()
	if err != nil {
		return 0, err
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(text) < seal.NonceSize() {
		return 0, ErrToken
	}
	text, err = seal.Open(nil, text[:seal.NonceSize()], text[seal.NonceSize():], f.digest())
	if err != nil || len(text) != 8 {
		return 0, ErrToken
	}
	return binary.BigEndian.Uint64(text), nil
}

// digest identifies a filter. It omits times, because a time given as an age differs with each page.
func (f *Filter) digest() []byte {
	d := audit.KeyOf('f', fmt.Sprintf("%q", []string{f.Secret, f.Store, f.Tenant, f.Caller, f.Account, string(f.Outcome)}))
	return binary.BigEndian.AppendUint64(nil, uint64(d))
}
