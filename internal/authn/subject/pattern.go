// Package subject parses the patterns that select subjects of an issuer or a certificate authority, and
// refuses patterns that match too much.
//
// The package must not know tokens, certificates or configuration files: a pattern and a subject are texts.
// It imports no other package of Storekeeper.
package subject

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxBytes is the maximum length of a pattern or a subject.
const MaxBytes = 512

// Pattern matches one subject, or all subjects with a prefix. Patterns that match a whole organisation or
// cluster are refused.
type Pattern struct {
	// literal is the pattern without its star.
	literal string
	// star says that the pattern ends in a star.
	star bool
}

// Parse parses a pattern. Without a star the pattern matches exactly one subject. A star can only be the last
// character. After a colon a star matches any rest, and elsewhere any rest without a colon; in both cases at
// least one character.
//
// An error describes the correct form, starting with "must". It never repeats the pattern.
func Parse(text string) (Pattern, error) {
	literal, star := strings.CutSuffix(text, "*")
	switch {
	case !Plain(text):
		return Pattern{}, errors.New("must be 1 to 512 bytes of plain text, without control characters and without blanks at its ends")
	case strings.Contains(literal, "*"):
		return Pattern{}, errors.New("must have no * but one at its end")
	}
	if star {
		if rule := tooWide(literal); rule != "" {
			return Pattern{}, errors.New(rule)
		}
	}
	return Pattern{literal: literal, star: star}, nil
}

// Plain reports whether a text can be a subject: 1 to MaxBytes bytes of
// printable UTF-8 without blanks at the ends.
func Plain(text string) bool {
	unplain := func(r rune) bool { return !unicode.IsPrint(r) }
	return text != "" && len(text) <= MaxBytes && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, unplain) && strings.TrimSpace(text) == text
}

// Match reports whether the pattern matches the subject. The zero Pattern
// matches nothing.
func (p Pattern) Match(subject string) bool {
	rest, begins := strings.CutPrefix(subject, p.literal)
	if p.literal == "" || !begins {
		return false
	}
	if !p.star {
		return rest == ""
	}
	// A path with .. may leave the folder that the pattern names.
	climbs := strings.Contains("/"+rest+"/", "/../") || strings.Contains("/"+rest+"/", "/./")
	return rest != "" && !climbs && p.starMatches(rest)
}

// Covers reports whether the pattern matches every subject that other matches.
func (p Pattern) Covers(other Pattern) bool {
	if !other.star {
		return p.Match(other.literal)
	}
	rest, begins := strings.CutPrefix(other.literal, p.literal)
	if p.literal == "" || !p.star || !begins {
		return false
	}
	return p.starMatches(rest) && (p.starMatchesColons() || !other.starMatchesColons())
}

// Exact reports whether the pattern matches exactly one subject.
func (p Pattern) Exact() bool { return !p.star }

// starMatches reports whether the star can match rest.
func (p Pattern) starMatches(rest string) bool {
	return p.starMatchesColons() || !strings.Contains(rest, ":")
}

// starMatchesColons reports whether the star can match colons.
func (p Pattern) starMatchesColons() bool { return strings.HasSuffix(p.literal, ":") }
