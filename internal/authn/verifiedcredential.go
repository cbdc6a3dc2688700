package authn

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"platform.internal/storekeeper/internal/authn/subject"
	"platform.internal/storekeeper/internal/fault"
)

const (
	// maxRecordedBytes is the maximum size of a claim in a VerifiedCredential.
	// The subject, which subject.Plain limits, may be longer.
	maxRecordedBytes = 256
	// maxShownNames is the number of names of a certificate that are listed.
	maxShownNames = 8
)

// VerifiedCredential identifies a credential whose signature was verified, for the log and the audit trail.
// It never holds the credential. Every text is printable and limited: Subject and Issuer to 512 bytes, the
// others to 256. It must not be modified.
type VerifiedCredential struct {
	// IssuerName is the configured name of the token's issuer. Empty for a
	// certificate.
	IssuerName string
	// Issuer is the claim iss of a token, or the distinguished name of the
	// authority that signed a certificate.
	Issuer string
	// Subject is the claim sub of a token, or the subject alternative name of a
	// certificate: the name that matched, or all names of a refused
	// certificate, separated by commas.
	Subject string
	// ID is the claim jti of a token, or the serial number of a certificate in
	// hexadecimal. Empty if a token has none.
	ID string
	// RunID is the claim run_id of a token, which GitHub Actions sets. Empty
	// if a token has none, and for a certificate.
	RunID string
}

// RefusedCredential returns the verified credential that Authenticate refused with err. It returns false if
// no part of the credential was verified.
func RefusedCredential(err error) (*VerifiedCredential, bool) {
	if r, ok := errors.AsType[*refusedCredential](err); ok {
		return r.credential, true
	}
	return nil, false
}

// refusedCredential is the private cause of the refusal of a verified
// credential.
type refusedCredential struct {
	credential *VerifiedCredential
	// detail is for comparison with the configuration.
	detail string
}

// Error helps an operator to find the missing configuration entry.
func (r *refusedCredential) Error() string {
	text := fmt.Sprintf("verified credential with issuer %q", r.credential.Issuer)
	if r.credential.IssuerName != "" {
		text += fmt.Sprintf(" (configured as %q)", r.credential.IssuerName)
	}
	text += fmt.Sprintf(" and subject %q", r.credential.Subject)
	if r.credential.ID != "" {
		text += fmt.Sprintf(", id %q", r.credential.ID)
	}
	if r.detail != "" {
		text += ": " + r.detail
	}
	return text
}

// refuse returns the fault of a verified credential that is refused. public must not repeat the credential.
func (c *VerifiedCredential) refuse(reason, public, detail string) error {
	return fault.New(fault.Unauthenticated, reason, public).Because(&refusedCredential{credential: c, detail: detail})
}

// credential describes a token whose signature was verified.
func (i *issuer) credential(f registeredClaims) *VerifiedCredential {
	id, _ := f.all["jti"].(string)
	return &VerifiedCredential{
		IssuerName: i.name, Issuer: bounded(f.issuer, subject.MaxBytes), Subject: f.subject, ID: bounded(id, maxRecordedBytes),
		RunID: claimText(f.all["run_id"]),
	}
}

// claimText returns a claim as text. Some issuers send numbers as identifiers
// of runs. It returns "" for any other type.
func claimText(claim any) string {
	switch v := claim.(type) {
	case string:
		return bounded(v, maxRecordedBytes)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// credentialOf describes a certificate that TLS has verified. san is the name
// that matched. Empty: all names are listed.
func credentialOf(leaf *x509.Certificate, san string) *VerifiedCredential {
	if san == "" {
		san = strings.Join(shownNames(leaf), ",")
	}
	return &VerifiedCredential{
		Issuer: bounded(leaf.Issuer.String(), subject.MaxBytes), Subject: bounded(san, subject.MaxBytes), ID: leaf.SerialNumber.Text(16),
	}
}

// shownNames lists the first subject alternative names of a certificate.
func shownNames(leaf *x509.Certificate) []string {
	var names []string
	for _, kind := range []subject.NameKind{subject.URI, subject.DNS, subject.Email} {
		names = append(names, namesOf(leaf, kind)...)
	}
	return names[:min(len(names), maxShownNames)]
}

// bounded truncates a text to a number of bytes and replaces unprintable characters.
func bounded(text string, most int) string {
	const cut = "..."
	plain := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text[:min(len(text), most)])
	if len(text) <= most && len(plain) <= most {
		return plain
	}
	return strings.ToValidUTF8(plain[:min(len(plain), most-len(cut))], "") + cut
}
