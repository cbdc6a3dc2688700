package config

import (
	"strconv"
	"strings"
)

// CommandLine stands in Mistake.File for a mistake in a --set argument.
const CommandLine = "--set"

// Mistake is one thing in a configuration that is not right.
type Mistake struct {
	// File is where the mistake stands: a file, "dev" for dev mode, or
	// CommandLine.
	File string
	// Line is the line in File, from 1. 0 where there are no lines.
	Line int
	// Key is the key in full, such as "accounts[0].base_url". Empty where the
	// mistake is in no one key.
	Key string
	// Text says what is wrong and what would be right. It never repeats the
	// value, which may be a secret in the wrong place.
	Text string
}

// String gives the mistake as one line: file, line, key and text.
func (m Mistake) String() string {
	var b strings.Builder
	b.WriteString(m.File)
	switch {
	case m.File == CommandLine:
		b.WriteString(" ")
	case m.Line > 0:
		b.WriteString(":" + strconv.Itoa(m.Line) + ": ")
	default:
		b.WriteString(": ")
	}
	if m.Key != "" {
		b.WriteString(m.Key + ": ")
	}
	b.WriteString(m.Text)
	return b.String()
}

// Mistakes are all mistakes of a configuration, those of the file first and in
// the order of its lines.
type Mistakes []Mistake

// Error gives one mistake per line.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, mistake := range m {
		lines[i] = mistake.String()
	}
	return strings.Join(lines, "\n")
}
