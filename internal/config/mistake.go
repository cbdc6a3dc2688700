package config

import (
	"strconv"
	"strings"
)

// CommandLine is Mistake.File of a mistake in a --set argument.
const CommandLine = "--set"

// Mistake is a mistake in a configuration.
type Mistake struct {
	// File is the file of the mistake, "dev" for dev mode, or CommandLine.
	File string
	// Line is the line in File, from 1. 0: no line.
	Line int
	// Key is the full key, such as "accounts[0].base_url". Empty if the mistake does not concern a single
	// key.
	Key string
	// Text describes the mistake and the correct form. It never repeats the value, which may be a misplaced
	// secret.
	Text string
}

// String formats the mistake as one line: file, line, key and text.
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

// Mistakes are all mistakes of a configuration: first those of the file by line, then those of --set.
type Mistakes []Mistake

// Error returns one line per mistake.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, mistake := range m {
		lines[i] = mistake.String()
	}
	return strings.Join(lines, "\n")
}
