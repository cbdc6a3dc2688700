package config

import (
	"cmp"
	"slices"
	"strings"
)

// place is where a key was given: a line of the file, or a --set argument.
type place struct {
	line int
	set  bool
}

// report collects mistakes and knows where each key was given.
type report struct {
	file   string
	places map[string]place
	// blamed are keys whose mistake was reported while reading. What the
	// checks find at or under them only follows from that.
	blamed map[string]bool
	// meant are keys that an unknown key was probably meant to be. Where such
	// a key is missing, that is not another mistake.
	meant map[string]bool
	found Mistakes
}

func newReport(file string) *report {
	return &report{file: file, places: map[string]place{}, blamed: map[string]bool{}, meant: map[string]bool{}}
}

// again is an empty report that knows the same places.
func (r *report) again() *report {
	fresh := newReport(r.file)
	fresh.places = r.places
	return fresh
}

// add reports a mistake at a known place.
func (r *report) add(p place, key, text string) {
	m := Mistake{File: r.file, Line: p.line, Key: key, Text: text}
	if p.set {
		m.File, m.Line = CommandLine, 0
	}
	r.found = append(r.found, m)
}

// wrong reports a value that cannot be used at all, so that the checks find
// nothing where it should be.
func (r *report) wrong(p place, key, text string) {
	r.add(p, key, text)
	r.blamed[key] = true
}

// fail reports what a check found, at the place of the key or, where the key
// is missing, of what it is missing from.
func (r *report) fail(key, text string) {
	if r.excused(key) {
		return
	}
	for at, more := key, true; more; at, more = parent(at) {
		if p, ok := r.places[at]; ok {
			r.add(p, key, text)
			return
		}
	}
	r.add(place{}, key, text)
}

// excused reports whether what is wrong at the key only follows from a mistake
// that was reported before.
func (r *report) excused(key string) bool {
	for at, more := key, true; more; at, more = parent(at) {
		_, given := r.places[at]
		if r.blamed[at] || r.meant[at] && !given {
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
			cmp.Compare(rank(a), rank(b)),
			cmp.Compare(a.Line, b.Line))
	})
	return r.found
}

// rank puts the file before the command line.
func rank(m Mistake) int {
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
