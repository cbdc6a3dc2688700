package authn

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Issuer is a trusted issuer of tokens.
type Issuer struct {
	// Name is the first part of the name of each principal: 1 to 63 of a-z, 0-9 and hyphen, unique.
	Name string
	// URL is the claim iss of the tokens, byte for byte, unique. It is https, or http to a loopback host.
	URL string
	// Audiences are the accepted values of the claim aud, at least one.
	Audiences []string
	// Algorithms are the accepted signature algorithms, a subset of Algorithms(). Empty: all.
	Algorithms []string
	// JWKSURL is the URL of the keys. Empty: the URL comes from discovery.
	JWKSURL string
	// JWKSFile is a file with the keys, read again after a change. If JWKSFile is set, nothing is fetched.
	JWKSFile string
	// CAFile holds the CA certificates, in PEM, that verify the issuer's own certificate. Empty: those of the
	// system.
	CAFile string
	// TokenFile holds a bearer token that is sent with each request for discovery and keys, only to the
	// origin of URL. It is read at each fetch. Empty: no token is sent.
	TokenFile string
	// Subjects are the accepted subjects, at least one. The first that matches
	// counts.
	Subjects []Subject
	// RefreshEvery is the interval of fetches in the background. 0: 15 minutes.
	RefreshEvery time.Duration
	// RefreshAtMost is the minimum time between two fetches, for any stream of tokens. 0: 10 seconds.
	RefreshAtMost time.Duration
	// KeysMaxAge is the time for which keys are used after the last successful fetch while the issuer is
	// down. 0: 24 hours.
	KeysMaxAge time.Duration
}

// Algorithms lists the supported signature algorithms. All are asymmetric: with a symmetric algorithm,
// everyone who can verify a token can forge a token.
func Algorithms() []string {
	return []string{
		oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512,
		oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
	}
}

// issuer verifies the tokens of one issuer.
type issuer struct {
	name, url  string
	audiences  []string
	algorithms []string
	subjects   []subjectMapping
	keys       keySource
	// source is the source of keys.
	source keyPlace
}

var issuerName = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

// newIssuer checks the configuration of an issuer and starts to read its keys. It reuses the keys of before
// if their source is the same.
func newIssuer(given Issuer, c Config, before *issuer) (*issuer, error) {
	i := &issuer{name: given.Name, url: given.URL, audiences: given.Audiences, algorithms: given.Algorithms, source: given.keyPlace()}
	if len(i.algorithms) == 0 {
		i.algorithms = Algorithms()
	}
	err := given.check()
	if err == nil {
		i.subjects, err = readSubjects(given.Subjects)
	}
	switch {
	case err != nil:
	case before != nil && before.source == i.source:
		i.keys = before.keys
	default:
		i.keys, err = newKeySource(given, c)
	}
	if err != nil {
		return nil, fmt.Errorf("issuer %q: %w", given.Name, err)
	}
	return i, nil
}

// check refuses an unsafe configuration. The package config checks the same
// with better messages, but New must not depend on that.
func (i *Issuer) check() error {
	unknown := func(algorithm string) bool { return !slices.Contains(Algorithms(), algorithm) }
	switch {
	case !issuerName.MatchString(i.Name):
		return errors.New("the name must be 1 to 63 of a-z, 0-9 and hyphen")
	case len(i.Audiences) == 0 || slices.Contains(i.Audiences, ""):
		return errors.New("an audience must be given, or tokens made for others would be good here")
	case len(i.Subjects) == 0:
		return errors.New("a subject must be given, since nobody else is admitted")
	case slices.ContainsFunc(i.Algorithms, unknown):
		return fmt.Errorf("algorithms must be of %v", Algorithms())
	case i.JWKSURL != "" && i.JWKSFile != "":
		return errors.New("keys must have one source")
	case i.JWKSFile != "" && i.TokenFile != "":
		return errors.New("a token is for an issuer that is asked for its keys")
	}
	for _, text := range []string{i.URL, i.JWKSURL} {
		if text != "" || text == i.URL {
			if err := secureURL(text); err != nil {
				return err
			}
		}
	}
	return nil
}

// verify verifies a token and returns its principal.
func (i *issuer) verify(ctx context.Context, shown unverifiedToken, now time.Time) (Principal, error) {
	if !slices.Contains(i.algorithms, shown.algorithm) {
		return Principal{}, badSignature()
	}
	a := &signatureCheck{issuer: i, shown: shown}
	// The library takes only one audience, so the audiences are checked below.
	_, err := oidc.NewVerifier(i.url, a, &oidc.Config{
		SkipClientIDCheck: true, SupportedSigningAlgs: i.algorithms, Now: func() time.Time { return now },
	}).Verify(ctx, shown.text)
	if a.err != nil {
		return Principal{}, a.err
	}
	if a.payload == nil {
		return Principal{}, badSignature()
	}
	f, unreadable := parseClaims(a.payload)
	if unreadable != nil {
		return Principal{}, refused(Malformed, "The token must "+unreadable.Error()+".")
	}
	verified := i.credential(f)
	if err := f.check(i, verified, now); err != nil {
		return Principal{}, err
	}
	// Other errors of the library are returned without their text, which
	// repeats claims.
	if err != nil {
		return Principal{}, refused(Malformed, "The token must have claims of the form that OpenID Connect describes.")
	}
	return i.principalFor(f, verified)
}

func badSignature() error {
	return refused(BadSignature, "The token must be signed by a key that its issuer publishes, with an asymmetric algorithm that is accepted of it.")
}
