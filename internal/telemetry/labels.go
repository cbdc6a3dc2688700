package telemetry

import "sync"

// otherLabel stands for every value that a label does not take.
const otherLabel = "other"

// maxLabelBytes is how long a value of a label may be, in bytes.
const maxLabelBytes = 128

// labels bounds the values of one label. Each value costs memory here and in
// the database of metrics for ever, so no caller may choose them.
type labels struct {
	mu    sync.Mutex
	known map[string]bool
	// capacity is how many values more are taken as they come.
	capacity int
}

// newLabels takes the known values and as many others as there is room for.
func newLabels(room int, known ...string) *labels {
	l := &labels{known: make(map[string]bool, len(known)), capacity: room}
	for _, v := range known {
		l.known[v] = true
	}
	return l
}

// limit returns the value where it is taken, and "other" where it is not.
func (l *labels) limit(value string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known[value] {
		return value
	}
	if l.capacity == 0 || !isPlain(value, maxLabelBytes, "_./-") {
		return otherLabel
	}
	l.capacity--
	l.known[value] = true
	return value
}
