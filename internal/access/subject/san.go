package subject

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// Kind is a kind of name in a certificate.
type Kind int

// The kinds of name that are matched. A common name is none of them: anyone
// who fills in a request chooses it.
const (
	// URI is a uniform resource identifier, such as a SPIFFE id.
	URI Kind = iota
	// DNS is a host name.
	DNS
	// Email is an e-mail address.
	Email
)

// SAN is a pattern for a subject alternative name of a certificate. Only a URI
// can end in a star, which then follows a slash.
type SAN struct {
	// Kind is which names are compared.
	Kind Kind
	// Pattern is what they are compared with. A host name is in lower case.
	Pattern Pattern
}

var (
	hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)
	mailbox  = regexp.MustCompile(`^[!-?A-~]{1,64}@[a-z0-9.-]{1,253}$`)
)

const sanRule = "must be a SPIFFE id or another URI, a host name in lower case, or an e-mail address"

// ParseSAN reads a pattern: with "://" it is a URI, with "@" an e-mail address
// and otherwise a host name. An error says what the pattern must be, starting
// with "must", and never repeats it.
func ParseSAN(text string) (SAN, error) {
	pattern, err := Parse(text)
	if err != nil {
		return SAN{}, err
	}
	switch {
	case strings.Contains(text, "://"):
		return parseURI(text, pattern)
	case !pattern.Exact():
		return SAN{}, errors.New("must be without a *, unless it is a URI that ends in /*")
	case strings.Contains(text, "@"):
		if !mailbox.MatchString(text) {
			return SAN{}, errors.New(sanRule)
		}
		return SAN{Kind: Email, Pattern: pattern}, nil
	case len(text) > 253 || !hostName.MatchString(text):
		return SAN{}, errors.New(sanRule)
	}
	return SAN{Kind: DNS, Pattern: pattern}, nil
}

func parseURI(text string, pattern Pattern) (SAN, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return SAN{}, errors.New(sanRule)
	}
	if !pattern.Exact() && !strings.HasSuffix(text, "/*") {
		return SAN{}, errors.New("must end in /* where it ends in *, so that it covers whole names")
	}
	return SAN{Kind: URI, Pattern: pattern}, nil
}

// Overlaps reports whether there is a name that both stand for.
func (s SAN) Overlaps(other SAN) bool {
	return s.Kind == other.Kind && (s.Pattern.Covers(other.Pattern) || other.Pattern.Covers(s.Pattern))
}
