package config

import (
	"fmt"
)

// check is what a section needs to check itself: where it stands and where its
// mistakes go.
type check struct {
	report *report
	key    string
	// dev says that this is dev mode.
	dev bool
}

// field is the check of a field under this one.
func (k check) field(name string) check {
	k.key = join(k.key, name)
	return k
}

// item is the check of the element of a list at index i, from 0.
func (k check) item(i int) check {
	k.key = fmt.Sprintf("%s[%d]", k.key, i)
	return k
}

// fail reports a mistake here.
func (k check) fail(text string) { k.report.fail(k.key, text) }

// suppressed reports whether a mistake here only follows from one that was
// reported before.
func (k check) suppressed() bool { return k.report.suppressed(k.key) }

// format reports a text that is missing or does not have the form that is wanted.
// rule says what would be right and starts with "must".
func (k check) format(value string, want textFormat, rule string) {
	switch {
	case value == "":
		k.fail("is missing; it " + rule)
	case !want.matches(value):
		k.fail(rule)
	}
}

// within reports a number that is not from least to most, and whether it is.
func (k check) within(value, least, most int) bool {
	if value < least || value > most {
		k.fail(fmt.Sprintf("must be from %d to %d", least, most))
		return false
	}
	return true
}

// isSet reports whether the key stands in the file or was set.
func (k check) isSet() bool {
	_, given := k.report.positions[k.key]
	return given
}

// unique reports each value that stands in more than one element of the list.
// An empty value is missing and so another mistake.
func (k check) unique(field string, values []string) {
	k.uniqueSince("each must have its own", field, values)
}

// uniqueSince is unique with the reason why no value may stand there twice.
func (k check) uniqueSince(reason, field string, values []string) {
	first := make(map[string]int, len(values))
	for i, v := range values {
		if _, twice := first[v]; !twice || v == "" {
			first[v] = i
			continue
		}
		k.element(i, field).fail("is already used by " + k.element(first[v], field).key + "; " + reason)
	}
}

// element is the check of a field of an element, or of the element itself
// where the field is empty.
func (k check) element(i int, field string) check {
	if field == "" {
		return k.item(i)
	}
	return k.item(i).field(field)
}
