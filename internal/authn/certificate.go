package authn

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/authn/subject"
)

// Certificate maps a name in client certificates to a principal. TLS decides which authorities may sign the
// certificates.
type Certificate struct {
	// SAN is a pattern for a subject alternative name, in the form of subject.ParseSAN. No two patterns may
	// match the same name.
	SAN string
	// Name, Tenant, TenantID and Groups belong to the principal.
	Name, Tenant, TenantID string
	Groups                 []string
}

// certificate is a checked Certificate.
type certificate struct {
	Certificate

	san subject.SAN
}

func readCertificates(given []Certificate) ([]certificate, error) {
	all := make([]certificate, len(given))
	for i, c := range given {
		san, err := subject.ParseSAN(c.SAN)
		if err != nil {
			return nil, fmt.Errorf("the san of the certificate of %q %w", c.Name, err)
		}
		for _, other := range all[:i] {
			if other.san.Overlaps(san) {
				return nil, fmt.Errorf("the certificates of %q and %q cover one name", other.Name, c.Name)
			}
		}
		all[i] = certificate{Certificate: c, san: san}
	}
	return all, nil
}

// authenticateCertificate returns the principal of a certificate that TLS has verified. Exactly one
// configuration entry must match a name of the certificate, so that a certificate never stands for two
// callers.
func (s *callerSet) authenticateCertificate(chains [][]*x509.Certificate, now time.Time) (Principal, error) {
	leaf := chains[0][0]
	notBefore, expires, err := validity(chains, now)
	if err != nil {
		return Principal{}, err
	}
	var found *certificate
	var san string
	for i := range s.certificates {
		name, matches := nameIn(leaf, s.certificates[i].san)
		if !matches {
			continue
		}
		if found != nil {
			return Principal{}, credentialOf(leaf, "").refuse(NotAdmitted, "The client certificate has the names of several callers; use one with the names of one.",
				fmt.Sprintf("callers %q and %q match", found.Name, s.certificates[i].Name))
		}
		found, san = &s.certificates[i], name
	}
	if reason := rejectionReason(leaf, found != nil); reason != "" {
		return Principal{}, credentialOf(leaf, "").refuse(NotAdmitted,
			"The client certificate is good, but holds no name that Storekeeper admits, or is not one of a workload; ask its operators to list the name.", reason)
	}
	digest := sha256.Sum256(leaf.Raw)
	return Principal{
		Name: found.Name, Tenant: found.Tenant, TenantID: found.TenantID, Groups: found.Groups, Kind: KindMTLS, NotBefore: notBefore, Expires: expires,
		Credential: credentialOf(leaf, san),
		Claims: NewClaims(map[string]any{
			"san": san, "serial": leaf.SerialNumber.Text(16), "issuer": leaf.Issuer.String(), "sha256": hex.EncodeToString(digest[:]),
		}),
	}, nil
}

// rejectionReason returns the reason why a certificate is rejected, or "". admitted says that a name of the
// certificate matches an entry.
func rejectionReason(leaf *x509.Certificate, admitted bool) string {
	switch {
	case !admitted:
		return "no entry of callers.certificates matches a name of it"
	case leaf.IsCA:
		return "it is the certificate of an authority"
	case mixesSPIFFE(leaf):
		return "it has a SPIFFE id and another URI"
	}
	return ""
}

// validity returns the validity period of a chain that is valid now. A chain is valid while all its
// certificates are. TLS checked that at the start of the connection, but connections are long-lived.
func validity(chains [][]*x509.Certificate, now time.Time) (notBefore, expires time.Time, err error) {
	for _, chain := range chains {
		if notBefore, expires = chainValidity(chain); !now.Before(notBefore) && !now.After(expires) {
			return notBefore, expires, nil
		}
	}
	if now.Before(notBefore) {
		return notBefore, expires, credentialOf(chains[0][0], "").refuse(NotYetValid, "The client certificate is not valid yet; wait, or set the clock of the machine that made it.", "it is valid from "+notBefore.Format(time.RFC3339))
	}
	return notBefore, expires, credentialOf(chains[0][0], "").refuse(Expired,
		"The client certificate, or that of an authority that signed it, has expired; connect with a new one.", "it ended at "+expires.Format(time.RFC3339))
}

// chainValidity returns the time in which all certificates of a chain are
// valid.
func chainValidity(chain []*x509.Certificate) (from, to time.Time) {
	from, to = chain[0].NotBefore, chain[0].NotAfter
	for _, c := range chain[1:] {
		if c.NotBefore.After(from) {
			from = c.NotBefore
		}
		if c.NotAfter.Before(to) {
			to = c.NotAfter
		}
	}
	return from, to
}

// nameIn returns the first name of a certificate that a pattern matches.
func nameIn(leaf *x509.Certificate, san subject.SAN) (string, bool) {
	for _, name := range namesOf(leaf, san.Kind) {
		if san.Pattern.Match(name) {
			return name, true
		}
	}
	return "", false
}

func namesOf(leaf *x509.Certificate, kind subject.NameKind) []string {
	var names []string
	switch kind {
	case subject.URI:
		for _, u := range leaf.URIs {
			names = append(names, u.String())
		}
	case subject.DNS:
		for _, name := range leaf.DNSNames {
			names = append(names, strings.ToLower(name))
		}
	case subject.Email:
		names = leaf.EmailAddresses
	}
	return names
}

// mixesSPIFFE reports whether a certificate has a SPIFFE id and another URI. The standard allows one URI
// only: programs that read the first URI and programs that read the last would see different workloads.
func mixesSPIFFE(leaf *x509.Certificate) bool {
	for _, u := range leaf.URIs {
		if u.Scheme == "spiffe" && len(leaf.URIs) > 1 {
			return true
		}
	}
	return false
}
