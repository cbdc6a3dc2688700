package config

import (
	"cmp"
	"slices"
	"strings"
)

// keyPosition is the position of a key: a line of a file, or a --set argument.
type keyPosition struct {
	// file is the file, "" for the configuration file itself.
	file string
	line int
	set  bool
}

// mistakeReport collects mistakes and knows the position of each key.
type mistakeReport struct {
	file      string
	positions map[string]keyPosition
	// reported are keys whose mistake was found during decoding. Later mistakes at or below these keys are
	// only consequences.
	reported map[string]bool
	// suggested are the keys that were suggested for unknown keys. If such a key is missing, that is not a
	// separate mistake.
	suggested map[string]bool
	found     Mistakes
}

func newReport(file string) *mistakeReport {
	return &mistakeReport{file: file, positions: map[string]keyPosition{}, reported: map[string]bool{}, suggested: map[string]bool{}}
}

// withoutMistakes returns an empty report with the same positions.
func (r *mistakeReport) withoutMistakes() *mistakeReport {
	fresh := newReport(r.file)
	fresh.positions = r.positions
	return fresh
}

// add reports a mistake at a position.
func (r *mistakeReport) add(p keyPosition, key, text string) {
	m := Mistake{File: cmp.Or(p.file, r.file), Line: p.line, Key: key, Text: text}
	if p.set {
		m.File, m.Line = CommandLine, 0
	}
	r.found = append(r.found, m)
}

// wrong reports a value that cannot be used at all. Later checks report nothing
// at this key.
func (r *mistakeReport) wrong(p keyPosition, key, text string) {
	r.add(p, key, text)
	r.reported[key] = true
}

// fail reports a mistake found by a check, at the position of the key or, if the key is missing, of its
// parent.
func (r *mistakeReport) fail(key, text string) {
	if r.suppressed(key) {
		return
	}
	for at, more := key, true; more; at, more = parent(at) {
		if p, ok := r.positions[at]; ok {
			r.add(p, key, text)
			return
		}
	}
	r.add(keyPosition{}, key, text)
}

// hasMistake reports whether a mistake of a key was found.
func (r *mistakeReport) hasMistake(key string) bool {
	return slices.ContainsFunc(r.found, func(m Mistake) bool { return m.Key == key })
}

// suppressed reports whether a mistake at the key is only a consequence of an earlier reported mistake.
func (r *mistakeReport) suppressed(key string) bool {
	for at, more := key, true; more; at, more = parent(at) {
		_, given := r.positions[at]
		if r.reported[at] || r.suggested[at] && !given {
			return true
		}
	}
	return false
}

// err returns the mistakes in order, or nil if there is none.
func (r *mistakeReport) err() error {
	if len(r.found) == 0 {
		return nil
	}
	slices.SortStableFunc(r.found, func(a, b Mistake) int {
		return cmp.Or(
			cmp.Compare(r.sourceOrder(a), r.sourceOrder(b)),
			cmp.Compare(a.Line, b.Line))
	})
	return r.found
}

// sourceOrder sorts the configuration file before the files that it names, and the command line last.
func (r *mistakeReport) sourceOrder(m Mistake) int {
	switch m.File {
	case r.file:
		return 0
	case CommandLine:
		return 2
	default:
		return 1
	}
}

// parent returns the enclosing key, down to "" for the whole configuration. It
// returns false for "".
func parent(key string) (string, bool) {
	if key == "" {
		return "", false
	}
	return key[:max(strings.LastIndexAny(key, ".["), 0)], true
}

// join returns the key of a field below key.
func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}
