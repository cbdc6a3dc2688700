package config

import "regexp"

// form is what a text must look like: a pattern, and the most bytes that it may
// have. A regular expression that counts so far itself has a state for each
// byte, and every start would pay for making them.
type form struct {
	// pattern admits ASCII only, so that a byte is a character.
	pattern *regexp.Regexp
	longest int
}

func (f form) fits(text string) bool {
	return len(text) <= f.longest && f.pattern.MatchString(text)
}
