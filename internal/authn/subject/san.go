package subject

import (
	"errors"
	"net/url"
	"strings"
)

// NameKind is the type of a subject alternative name.
type NameKind int

// The types of names that can be matched. Common names are not supported, because the requester of a
// certificate chooses the common name.
const (
	// URI is a uniform resource identifier, such as a SPIFFE id.
	URI NameKind = iota
	// DNS is a host name.
	DNS
	// Email is an e-mail address.
	Email
)

// SAN is a pattern for a subject alternative name. Only a URI can end in a
// star, which must follow a slash.
type SAN struct {
	// Kind is the type of the names that are compared.
	Kind NameKind
	// Pattern is compared with the names. A host name is in lower case.
	Pattern Pattern
}

// The maximum lengths in bytes of a host name, of its labels, and of the local part of an e-mail address.
const (
	maxHostBytes, maxLabelBytes = 253, 63
	maxLocalBytes               = 64
)

const sanRule = "must be a SPIFFE id or another URI, a host name in lower case, or an e-mail address"

// ParseSAN parses a pattern: with "://" a URI, with "@" an e-mail address, and otherwise a host name. An
// error describes the correct form, starting with "must". It never repeats the pattern.
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
		if !mailbox(text) {
			return SAN{}, errors.New(sanRule)
		}
		return SAN{Kind: Email, Pattern: pattern}, nil
	case !hostName(text):
		return SAN{}, errors.New(sanRule)
	}
	return SAN{Kind: DNS, Pattern: pattern}, nil
}

// hostName reports whether a text is a host name in lower case: labels of
// letters, digits and hyphens, without a hyphen at either end.
func hostName(text string) bool {
	for label := range strings.SplitSeq(text, ".") {
		if len(label) < 1 || len(label) > maxLabelBytes || strings.Trim(label, "-") != label || !hostLetters(label) {
			return false
		}
	}
	return len(text) <= maxHostBytes
}

// mailbox reports whether a text is an e-mail address in ASCII with a lower-case host.
func mailbox(text string) bool {
	local, host, _ := strings.Cut(text, "@")
	return len(local) >= 1 && len(local) <= maxLocalBytes && len(host) >= 1 && len(host) <= maxHostBytes &&
		!strings.ContainsFunc(local, func(r rune) bool { return r < '!' || r > '~' }) &&
		hostLetters(strings.ReplaceAll(host, ".", ""))
}

// hostLetters reports whether a text consists of characters of a host name.
func hostLetters(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	})
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

// Overlaps reports whether some name matches both.
func (s SAN) Overlaps(other SAN) bool {
	return s.Kind == other.Kind && (s.Pattern.Covers(other.Pattern) || other.Pattern.Covers(s.Pattern))
}
