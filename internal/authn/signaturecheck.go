package authn

import (
	"context"

	"github.com/go-jose/go-jose/v4"
)

// signatureCheck is one check of a signature. It is the library's view of the keys, and
// keeps what the library does not hand on.
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

// verify returns the claims that a key of the issuer has signed. Where the key
// is not known the keys are read anew, if that is due, and tried once more.
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

// verifyWith holds the signature against the keys that can have made it. It reports
// whether the answer is certain: a token whose key is not here by name may be
// signed by one that is not here yet.
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
