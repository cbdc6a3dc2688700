package config

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var (
	syntaxLine    = regexp.MustCompile(`^line ([0-9]+): `)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// syntaxHint is advice about an error of the YAML library.
type syntaxHint struct {
	// complaint is a part of the library's error text.
	complaint string
	hint      string
	// fromZero says that the library counts lines from 0 in this error, instead of from 1.
	fromZero bool
}

// syntaxHints lists the known errors of the library. The first match counts.
func syntaxHints() []syntaxHint {
	return []syntaxHint{
		{"expected key", "check the indentation around this line", true},
		{"expected '-' indicator", "indent the keys of an element as far as its first key", true},
		{"expected ',' or", "close the bracket that is opened on this line", true},
		{"expected node content", "put quotes around a value that holds brackets or commas", true},
		{"<document start>", "check the indentation, and put each key on a line of its own", true},
		{"undefined tag handle", "put quotes around a value that starts with !", true},
		{"duplicate %", "remove the second line that starts with %", true},
		{"unknown anchor", "put quotes around a value that starts with *", false},
		{"alphabetic or numeric", "put quotes around a value that starts with * or &", false},
		{"cannot start any token", "indent with spaces, not tabs, and put quotes around a value that starts with @, % or `", false},
		{"tab character", "indent with spaces, not tabs", false},
		{"values are not allowed", "check the indentation, and put quotes around a value that holds a colon and a space", false},
		{"expected ':'", "write the key as KEY: VALUE", false},
		{"end of stream", "close the quotes", false},
		{"escape", "use single quotes around a value that holds a backslash", false},
	}
}

// syntax reports data that is not YAML. The library stops at the first error,
// so the checks are skipped.
func (r *mistakeReport) syntax(s source, err error, data []byte) {
	text, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
	if m := syntaxLine.FindStringSubmatch(text); m != nil {
		text = strings.TrimPrefix(text, m[0])
		line, _ = strconv.Atoi(m[1]) // digits, or 0 and so the first line
	}
	// The name of an anchor is text of the file and may be a secret.
	if m := unknownAnchor.FindStringSubmatch(text); m != nil {
		text, line = "unknown anchor", lineOf(data, "*"+m[1])
	}
	advice := adviceFor(text)
	// Without a line number the library means the first line.
	if advice.fromZero || line == 0 {
		line++
	}
	// The library may report a line after the end.
	line = min(line, 1+bytes.Count(bytes.TrimRight(data, "\r\n"), []byte("\n")))
	r.wrong(s.at(line), s.key, fmt.Sprintf("is not YAML (%s); %s", text, advice.hint))
}

// adviceFor returns the advice about an error of the library.
func adviceFor(text string) syntaxHint {
	for _, h := range syntaxHints() {
		if strings.Contains(text, h.complaint) {
			return h
		}
	}
	return syntaxHint{hint: "check the indentation and the quotes around this line"}
}

// lineOf returns the first line, from 1, that contains text.
func lineOf(data []byte, text string) int {
	before, _, found := bytes.Cut(data, []byte(text))
	if !found {
		return 1
	}
	return 1 + bytes.Count(before, []byte("\n"))
}
