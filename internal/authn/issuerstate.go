package authn

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// IssuerState is how reading the keys of an issuer stands.
type IssuerState struct {
	// Name is the configured name of the issuer, and URL its claim iss.
	Name, URL string
	// KeysURL is where the keys came from. Empty: from a file, or never.
	KeysURL string
	// Keys is how many keys can be used now.
	Keys int
	// KeysRead is when they were read from the issuer. Zero: never, or from a
	// file, which does not age.
	KeysRead time.Time
	// KeysEnd is when they can no longer be used, unless they are read again. Zero
	// as KeysRead is.
	KeysEnd time.Time
	// Fetched is true of an issuer that is asked for its keys, and false where
	// they come from a file.
	Fetched bool
	// Err says why the last attempt gave no keys; FixOf says what to do. Nil: it
	// did.
	Err error
	// ClockAhead is how far the clock of the issuer is ahead of ours, by the
	// Date header of its last answer, in whole seconds at best. ClockKnown is
	// false where it sent none.
	ClockAhead time.Duration
	ClockKnown bool
	// CertificateBegins and CertificateEnds are of the certificate in the issuer's
	// TLS chain that ends first. Zero: not known.
	CertificateBegins, CertificateEnds time.Time
}

// Issuers tells how reading the keys of each issuer stands, sorted by name. It
// asks no issuer.
func (a *Authenticator) Issuers() []IssuerState {
	all := make([]IssuerState, 0, len(a.issuers))
	for _, i := range a.issuers {
		all = append(all, i.keys.state().issuerState(i.name, i.url))
	}
	slices.SortFunc(all, func(x, y IssuerState) int { return cmp.Compare(x.Name, y.Name) })
	return all
}

// Idle reports whether no caller at all can be let in: there is no API key, no
// certificate, and no issuer has a usable key.
func (a *Authenticator) Idle() bool {
	usable := func(s IssuerState) bool { return s.Keys > 0 }
	return len(a.keys) == 0 && len(a.certificates) == 0 && !slices.ContainsFunc(a.Issuers(), usable)
}

func (s keyState) issuerState(name, url string) IssuerState {
	return IssuerState{
		Name: name, URL: url, KeysURL: s.last.url, Keys: s.keys, KeysRead: s.read, KeysEnd: s.ends, Fetched: s.fetches, Err: s.failed,
		ClockAhead: s.last.clockAhead, ClockKnown: s.last.clockKnown, CertificateBegins: s.last.certificateBegins, CertificateEnds: s.last.certificateEnds,
	}
}

// CheckIssuer reads the keys of an issuer once, exactly as an Authenticator does.
func CheckIssuer(ctx context.Context, given Issuer) IssuerState {
	state := keyState{}
	if err := given.check(); err != nil {
		state.failed = fmt.Errorf("issuer %q: %w", given.Name, err)
		return state.issuerState(given.Name, given.URL)
	}
	if given.JWKSFile != "" {
		text, err := readFile(given.JWKSFile)
		if err == nil {
			state.last.keys, err = parseKeys(text)
		}
		if state.failed = err; err != nil {
			state.failed = &FetchError{URL: given.JWKSFile, Err: err, Fix: "set jwks_file to a readable JSON Web Key Set with a public key for signatures"}
		}
	} else {
		ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
		defer cancel()
		state.last, state.failed = given.fetcher().fetch(ctx)
	}
	state.keys = len(state.last.keys)
	return state.issuerState(given.Name, given.URL)
}

func (i *Issuer) fetcher() fetcher {
	return fetcher{issuer: i.URL, keysURL: i.JWKSURL, caFile: i.CAFile, tokenFile: i.TokenFile}
}
