package authn

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"

	"platform.internal/storekeeper/internal/authn/subject"
)

const (
	// leeway is the tolerated difference by which an issuer's clock may be
	// ahead.
	leeway = 30 * time.Second
	// maxClaims is the maximum number of claims at the top of a token.
	maxClaims = 64
	// lastSecond is the end of the year 9999. Later times have no RFC 3339
	// form.
	lastSecond = 253402300799
)

// Claims are the claims of a token as JSON values, at most 16 KiB with 64 claims at the top and 16 levels. Most
// rules use none, so Claims keeps the text of a token's claims, and decodes the text when it is first asked. A
// nil *Claims has none. Claims is safe for concurrent use.
type Claims struct {
	text   []byte
	decode sync.Once
	all    map[string]any
}

// NewClaims returns claims that are decoded already. all must not be modified.
func NewClaims(all map[string]any) *Claims { return &Claims{all: all} }

// All returns the claims by name, nil for none. The map must not be modified.
func (c *Claims) All() map[string]any {
	if c == nil {
		return nil
	}
	c.decode.Do(func() {
		if c.text != nil {
			_ = json.Unmarshal(c.text, &c.all) // parseClaims has decoded the same text
		}
	})
	return c.all
}

// registeredClaims are the registered claims of a token whose signature was
// verified.
type registeredClaims struct {
	text               []byte
	all                map[string]any
	issuer, subject    string
	audience           []string
	notBefore, expires time.Time
}

// parseClaims parses the claims of a token. The error completes the sentence "The token must ..." for the
// caller.
func parseClaims(payload []byte) (registeredClaims, error) {
	f := registeredClaims{text: payload}
	if !utf8.Valid(payload) || !shallow(payload) || json.Unmarshal(payload, &f.all) != nil || len(f.all) > maxClaims {
		return f, errors.New("have claims that are one JSON object, with at most 64 claims and 16 levels")
	}
	f.issuer, _ = f.all["iss"].(string)
	f.subject, _ = f.all["sub"].(string)
	if !subject.Plain(f.subject) {
		return f, errors.New("have the claim sub, a plain text of 1 to 512 bytes")
	}
	var ok bool
	if f.expires, ok = seconds(f.all["exp"]); !ok || f.expires.IsZero() {
		return f, errors.New("have the claim exp, in seconds since 1970")
	}
	if f.notBefore, ok = seconds(f.all["nbf"]); !ok {
		return f, errors.New("have the claim nbf in seconds since 1970, or not at all")
	}
	if f.audience, ok = stringsOf(f.all["aud"]); !ok {
		return f, errors.New("have the claim aud, a text or a list of texts")
	}
	return f, nil
}

// check checks the claims against the configuration of the issuer. shown
// describes the token for the log.
func (f *registeredClaims) check(i *issuer, shown *VerifiedCredential, now time.Time) error {
	ours := func(audience string) bool { return slices.Contains(i.audiences, audience) }
	switch {
	case f.issuer != i.url:
		return refused(WrongIssuer, "The token is of an issuer that Storekeeper does not trust.")
	case !slices.ContainsFunc(f.audience, ours):
		return shown.refuse(WrongAudience, "The token was made for somebody else; ask its issuer for one with the audience of this Storekeeper.",
			fmt.Sprintf("its audience %q is none of %q", bounded(strings.Join(f.audience, ","), maxRecordedBytes), i.audiences))
	case !now.Before(f.expires):
		return shown.refuse(Expired, "The token has expired; get a new one from its issuer.", "it ended at "+f.expires.Format(time.RFC3339))
	case now.Add(leeway).Before(f.notBefore):
		return shown.refuse(NotYetValid, "The token is not valid yet; wait, or set the clock of the machine that made it.", "it is valid from "+f.notBefore.Format(time.RFC3339))
	}
	return nil
}

// seconds converts a claim to a time. It returns the zero time for a missing
// claim and false for a claim that is not a time.
func seconds(claim any) (time.Time, bool) {
	if claim == nil {
		return time.Time{}, true
	}
	n, ok := claim.(float64)
	if !ok || n < 0 || n > lastSecond {
		return time.Time{}, false
	}
	return time.Unix(int64(n), 0).UTC(), true
}

// stringsOf converts a string or a list of strings. A missing claim is an empty
// list.
func stringsOf(claim any) ([]string, bool) {
	switch v := claim.(type) {
	case nil:
		return nil, true
	case string:
		return []string{v}, true
	case []any:
		all := make([]string, len(v))
		for i, item := range v {
			text, ok := item.(string)
			if !ok {
				return nil, false
			}
			all[i] = text
		}
		return all, true
	}
	return nil, false
}
