package config

import "regexp"

// textFormat is the format of a text: a pattern and a maximum length. A regular
// expression with a length limit has a state per byte, which every start would
// have to build.
type textFormat struct {
	// pattern accepts ASCII only, so that a byte is a character.
	pattern  *regexp.Regexp
	maxBytes int
}

func (f textFormat) matches(text string) bool {
	return len(text) <= f.maxBytes && f.pattern.MatchString(text)
}
