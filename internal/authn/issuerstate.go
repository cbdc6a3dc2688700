package authn

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// IssuerState is the state of the keys of an issuer.
type IssuerState struct {
	// Name is the configured name of the issuer, and URL its claim iss.
	Name, URL string
	// KeysURL is the URL from which the keys were fetched. Empty: the keys come from a file or were never
	// read.
	KeysURL string
	// Keys is the number of usable keys.
	Keys int
	// KeysRead is the time of the last successful fetch. Zero: never, or the keys come from a file, which
	// does not age.
	KeysRead time.Time
	// KeysEnd is the time at which the keys become unusable without another fetch. Zero like KeysRead.
	KeysEnd time.Time
	// Fetched says that keys are fetched from the issuer, and not read from a
	// file.
	Fetched bool
	// Err is the error of the last attempt to read keys. FixOf returns advice. Nil: the attempt succeeded.
	Err error
	// ClockAhead is how far the issuer's clock is ahead of the own clock, by
	// the Date header of its last answer, with a resolution of one second.
	// ClockKnown is false if there was no Date header.
	ClockAhead time.Duration
	ClockKnown bool
	// CertificateBegins and CertificateEnds belong to the certificate in the
	// issuer's TLS chain that expires first. Zero: not known.
	CertificateBegins, CertificateEnds time.Time
}

// Issuers returns the state of each issuer, sorted by name. It makes no request.
func (a *Authenticator) Issuers() []IssuerState {
	issuers := a.now.Load().issuers
	all := make([]IssuerState, 0, len(issuers))
	for _, i := range issuers {
		all = append(all, i.keys.state().issuerState(i.name, i.url))
	}
	slices.SortFunc(all, func(x, y IssuerState) int { return cmp.Compare(x.Name, y.Name) })
	return all
}

// Idle reports whether no caller can be authenticated: there is no API key, no
// certificate, and no issuer has a usable key.
func (a *Authenticator) Idle() bool {
	usable := func(s IssuerState) bool { return s.Keys > 0 }
	callers := a.now.Load()
	return len(callers.keys) == 0 && len(callers.certificates) == 0 && !slices.ContainsFunc(a.Issuers(), usable)
}

func (s keyState) issuerState(name, url string) IssuerState {
	return IssuerState{
		Name: name, URL: url, KeysURL: s.last.url, Keys: s.keys, KeysRead: s.read, KeysEnd: s.ends, Fetched: s.fetches, Err: s.failed,
		ClockAhead: s.last.clockAhead, ClockKnown: s.last.clockKnown, CertificateBegins: s.last.certificateBegins, CertificateEnds: s.last.certificateEnds,
	}
}

// CheckIssuer reads the keys of an issuer once, in the same way as an
// Authenticator.
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
