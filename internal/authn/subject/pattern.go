// Package subject reads the patterns that say which subjects of an issuer or
// a certificate authority are admitted, and refuses patterns that are too wide.
//
// It must not know tokens, certificates or configuration files: a pattern and
// a subject are texts. It imports nothing of ours.
package subject

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxBytes is how long a pattern or a subject may be.
const MaxBytes = 512

// Pattern stands for one subject, or for all that begin alike. A pattern that
// would cover a whole organisation or cluster cannot be made.
type Pattern struct {
	// literal is the pattern without its star.
	literal string
	// star says that the pattern ends in one.
	star bool
}

// Parse reads a pattern. Without a star it stands for the subject that is equal
// to it. A star can only be the last character. After a colon it stands for all
// that can follow, and elsewhere for what can follow up to the next colon; in
// both cases for one character at least.
//
// An error says what the pattern must be, starting with "must", and never
// repeats it.
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

// Plain reports whether a text can be a subject: 1 to MaxBytes bytes of UTF-8
// that show as what they are, without blanks at the ends.
func Plain(text string) bool {
	unplain := func(r rune) bool { return !unicode.IsPrint(r) }
	return text != "" && len(text) <= MaxBytes && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, unplain) && strings.TrimSpace(text) == text
}

// Match reports whether the pattern stands for the subject. The zero Pattern
// stands for none.
func (p Pattern) Match(subject string) bool {
	rest, begins := strings.CutPrefix(subject, p.literal)
	if p.literal == "" || !begins {
		return false
	}
	if !p.star {
		return rest == ""
	}
	// A path that climbs out again is not below where it starts.
	climbs := strings.Contains("/"+rest+"/", "/../") || strings.Contains("/"+rest+"/", "/./")
	return rest != "" && !climbs && p.starMatches(rest)
}

// Covers reports whether the pattern stands for every subject that other
// stands for.
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

// Exact reports whether the pattern stands for one subject only.
func (p Pattern) Exact() bool { return !p.star }

// starMatches reports whether the star can stand for rest.
func (p Pattern) starMatches(rest string) bool {
	return p.starMatchesColons() || !strings.Contains(rest, ":")
}

// starMatchesColons reports whether the star stands for colons too.
func (p Pattern) starMatchesColons() bool { return strings.HasSuffix(p.literal, ":") }
