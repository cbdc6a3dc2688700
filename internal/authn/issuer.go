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

// Issuer is an issuer of tokens that is trusted.
type Issuer struct {
	// Name begins the name of each of its principals: 1 to 63 of a-z, 0-9 and
	// hyphen, unique.
	Name string
	// URL is the claim iss of its tokens, byte for byte, unique. https, or http
	// to a loopback host.
	URL string
	// Audiences are the claims aud that are accepted, at least one.
	Audiences []string
	// Algorithms are the signature algorithms that are accepted, of those that
	// Algorithms returns. Empty: all of them.
	Algorithms []string
	// JWKSURL is where its keys are. Empty: where discovery says.
	JWKSURL string
	// JWKSFile is a file that holds its keys, read again when it changes. With
	// it nothing is fetched.
	JWKSFile string
	// CAFile holds the authorities, in PEM, that the issuer's own certificate is
	// held against. Empty: those of the system.
	CAFile string
	// TokenFile holds a bearer token that is sent with each request for
	// discovery and keys to the origin of URL, and to no other. It is read at
	// each fetch. Empty: none is sent.
	TokenFile string
	// Subjects are those who are admitted, at least one. Of several that match,
	// the first counts.
	Subjects []Subject
	// RefreshEvery is how often keys are fetched in the background. 0: 15
	// minutes.
	RefreshEvery time.Duration
	// RefreshAtMost is the least time between two fetches, whatever tokens
	// arrive. 0: 10 seconds.
	RefreshAtMost time.Duration
	// KeysMaxAge is how long after the last good fetch keys are still used while
	// the issuer is down. 0: 24 hours.
	KeysMaxAge time.Duration
}

// Algorithms lists the signature algorithms that can be accepted. All are
// asymmetric: with a symmetric one, who can check a token can make one.
func Algorithms() []string {
	return []string{
		oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512,
		oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
	}
}

// issuer checks the tokens of one issuer.
type issuer struct {
	name, url  string
	audiences  []string
	algorithms []string
	subjects   []subjectMapping
	keys       keySource
}

var issuerName = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

// newIssuer checks what is given and starts to read the keys.
func newIssuer(given Issuer, c Config) (*issuer, error) {
	i := &issuer{name: given.Name, url: given.URL, audiences: given.Audiences, algorithms: given.Algorithms}
	if len(i.algorithms) == 0 {
		i.algorithms = Algorithms()
	}
	err := given.check()
	if err == nil {
		i.subjects, err = readSubjects(given.Subjects)
	}
	if err == nil {
		i.keys, err = newKeySource(given, c)
	}
	if err != nil {
		return nil, fmt.Errorf("issuer %q: %w", given.Name, err)
	}
	return i, nil
}

// check refuses what would be unsafe. The configuration has said it better
// before, but no caller of New may leave it out.
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

// verify checks a token and returns the caller that it names.
func (i *issuer) verify(ctx context.Context, shown unverifiedToken, now time.Time) (Principal, error) {
	if !slices.Contains(i.algorithms, shown.algorithm) {
		return Principal{}, badSignature()
	}
	a := &signatureCheck{issuer: i, shown: shown}
	// One audience is all that the library takes, so ours are checked below.
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
	// What the library finds beyond that is left without its text, which
	// repeats claims.
	if err != nil {
		return Principal{}, refused(Malformed, "The token must have claims of the form that OpenID Connect describes.")
	}
	return i.principalFor(f, verified)
}

func badSignature() error {
	return refused(BadSignature, "The token must be signed by a key that its issuer publishes, with an asymmetric algorithm that is accepted of it.")
}
