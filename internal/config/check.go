package config

import (
	"fmt"
)

// section gives a section its key and the report for its mistakes.
type section struct {
	report *mistakeReport
	key    string
	// dev says that dev mode is on.
	dev bool
}

// field returns the check of a field of this section.
func (k section) field(name string) section {
	k.key = join(k.key, name)
	return k
}

// item returns the check of the list element at index i, from 0.
func (k section) item(i int) section {
	k.key = fmt.Sprintf("%s[%d]", k.key, i)
	return k
}

// fail reports a mistake at this key.
func (k section) fail(text string) { k.report.fail(k.key, text) }

// suppressed reports whether a mistake here is only a consequence of an earlier reported mistake.
func (k section) suppressed() bool { return k.report.suppressed(k.key) }

// format reports a text that is missing or does not match a format. rule describes the correct form and
// starts with "must".
func (k section) format(value string, want textFormat, rule string) {
	switch {
	case value == "":
		k.fail("is missing; it " + rule)
	case !want.matches(value):
		k.fail(rule)
	}
}

// within reports a number outside the range.
func (k section) within(value, least, most int) {
	if value < least || value > most {
		k.fail(fmt.Sprintf("must be from %d to %d", least, most))
	}
}

// isSet reports whether the key is in the file or was given with --set.
func (k section) isSet() bool {
	_, given := k.report.positions[k.key]
	return given
}

// unique reports each value that two elements of the list share. An empty value
// is missing, which is another mistake.
func (k section) unique(field string, values []string) {
	k.uniqueSince("each must have its own", field, values)
}

// uniqueSince is unique with a reason why values must be unique.
func (k section) uniqueSince(reason, field string, values []string) {
	first := make(map[string]int, len(values))
	for i, v := range values {
		if _, twice := first[v]; !twice || v == "" {
			first[v] = i
			continue
		}
		k.element(i, field).fail("is already used by " + k.element(first[v], field).key + "; " + reason)
	}
}

// element returns the check of a field of an element, or of the element itself
// if field is empty.
func (k section) element(i int, field string) section {
	if field == "" {
		return k.item(i)
	}
	return k.item(i).field(field)
}
