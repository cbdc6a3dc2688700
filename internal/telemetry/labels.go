package telemetry

import (
	"regexp"
	"sync"
)

// otherLabel stands for every value that a label does not take.
const otherLabel = "other"

// labelForm is what a value of a label may look like.
var labelForm = regexp.MustCompile(`^[A-Za-z0-9_./-]{1,128}$`)

// labels bounds the values of one label. Each value costs memory here and in
// the database of metrics for ever, so no caller may choose them.
type labels struct {
	mu    sync.Mutex
	known map[string]bool
	// room is how many values more are taken as they come.
	room int
}

// newLabels takes the known values and as many others as there is room for.
func newLabels(room int, known ...string) *labels {
	l := &labels{known: make(map[string]bool, len(known)), room: room}
	for _, v := range known {
		l.known[v] = true
	}
	return l
}

// bound returns the value where it is taken, and "other" where it is not.
func (l *labels) bound(value string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known[value] {
		return value
	}
	if l.room == 0 || !labelForm.MatchString(value) {
		return otherLabel
	}
	l.room--
	l.known[value] = true
	return value
}
