package config

import "regexp"

// textFormat is what a text must look like: a pattern, and the most bytes that it may
// have. A regular expression that counts so far itself has a state for each
// byte, and every start would pay for making them.
type textFormat struct {
	// pattern admits ASCII only, so that a byte is a character.
	pattern  *regexp.Regexp
	maxBytes int
}

func (f textFormat) matches(text string) bool {
	return len(text) <= f.maxBytes && f.pattern.MatchString(text)
}
