package config

import (
	"cmp"
	"slices"
	"strings"
)

// position is where a key was given: a line of the file, or a --set argument.
type position struct {
	line int
	set  bool
}

// report collects mistakes and knows where each key was given.
type report struct {
	file      string
	positions map[string]position
	// reported are keys whose mistake was reported while reading. What the
	// checks find at or under them only follows from that.
	reported map[string]bool
	// suggested are keys that an unknown key was probably meant to be. Where such
	// a key is missing, that is not another mistake.
	suggested map[string]bool
	found     Mistakes
}

func newReport(file string) *report {
	return &report{file: file, positions: map[string]position{}, reported: map[string]bool{}, suggested: map[string]bool{}}
}

// withoutMistakes is an empty report that knows the same places.
func (r *report) withoutMistakes() *report {
	fresh := newReport(r.file)
	fresh.positions = r.positions
	return fresh
}

// add reports a mistake at a known place.
func (r *report) add(p position, key, text string) {
	m := Mistake{File: r.file, Line: p.line, Key: key, Text: text}
	if p.set {
		m.File, m.Line = CommandLine, 0
	}
	r.found = append(r.found, m)
}

// wrong reports a value that cannot be used at all, so that the checks find
// nothing where it should be.
func (r *report) wrong(p position, key, text string) {
	r.add(p, key, text)
	r.reported[key] = true
}

// fail reports what a check found, at the place of the key or, where the key
// is missing, of what it is missing from.
func (r *report) fail(key, text string) {
	if r.suppressed(key) {
		return
	}
	for at, more := key, true; more; at, more = parent(at) {
		if p, ok := r.positions[at]; ok {
			r.add(p, key, text)
			return
		}
	}
	r.add(position{}, key, text)
}

// suppressed reports whether what is wrong at the key only follows from a mistake
// that was reported before.
func (r *report) suppressed(key string) bool {
	for at, more := key, true; more; at, more = parent(at) {
		_, given := r.positions[at]
		if r.reported[at] || r.suggested[at] && !given {
			return true
		}
	}
	return false
}

// err returns the mistakes in order, or nil where there is none.
func (r *report) err() error {
	if len(r.found) == 0 {
		return nil
	}
	slices.SortStableFunc(r.found, func(a, b Mistake) int {
		return cmp.Or(
			cmp.Compare(sourceOrder(a), sourceOrder(b)),
			cmp.Compare(a.Line, b.Line))
	})
	return r.found
}

// sourceOrder puts the file before the command line.
func sourceOrder(m Mistake) int {
	if m.File == CommandLine {
		return 1
	}
	return 0
}

// parent returns the key that holds key, down to "" for the whole. It reports
// false where key is the whole.
func parent(key string) (string, bool) {
	if key == "" {
		return "", false
	}
	return key[:max(strings.LastIndexAny(key, ".["), 0)], true
}

// join returns the key of a field named name under key.
func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}
