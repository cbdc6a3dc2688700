package authn

import (
	"context"

	"github.com/go-jose/go-jose/v4"
)

// signatureCheck verifies one signature. It implements the library's key set interface and keeps the results
// that the library does not return.
type signatureCheck struct {
	issuer  *issuer
	shown   unverifiedToken
	payload []byte
	err     error
}

// VerifySignature implements oidc.KeySet.
func (a *signatureCheck) VerifySignature(ctx context.Context, text string) ([]byte, error) {
	a.payload, a.err = a.verify(ctx, text)
	return a.payload, a.err
}

// verify returns the claims that a key of the issuer has signed. If the key is
// unknown, the keys are fetched again, if that is due, and tried once more.
func (a *signatureCheck) verify(ctx context.Context, text string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(text, signatures(a.issuer.algorithms))
	if err != nil {
		return nil, badSignature()
	}
	set, err := a.issuer.keys.current(ctx)
	if err != nil {
		return nil, err
	}
	payload, known := a.verifyWith(signed, set)
	if known {
		return payload, badUnless(payload)
	}
	newer, err := a.issuer.keys.renew(ctx, set.version)
	if err != nil {
		return nil, err
	}
	payload, _ = a.verifyWith(signed, newer)
	return payload, badUnless(payload)
}

// verifyWith verifies the signature with the candidate keys. certain is false
// if the named key is not in the set: the token may be signed with a newer key.
func (a *signatureCheck) verifyWith(signed *jose.JSONWebSignature, set keySet) (payload []byte, certain bool) {
	candidates, named := set.candidates(a.shown.keyID, a.shown.algorithm)
	for _, key := range candidates {
		if payload, err := signed.Verify(key.Key); err == nil {
			return payload, true
		}
	}
	return nil, named
}

func badUnless(payload []byte) error {
	if payload == nil {
		return badSignature()
	}
	return nil
}

func signatures(algorithms []string) []jose.SignatureAlgorithm {
	all := make([]jose.SignatureAlgorithm, len(algorithms))
	for i, a := range algorithms {
		all[i] = jose.SignatureAlgorithm(a)
	}
	return all
}
