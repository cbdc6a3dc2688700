package telemetry

import "sync"

// otherLabel replaces every value that a label does not accept.
const otherLabel = "other"

// maxLabelBytes is the maximum length of a label value, in bytes.
const maxLabelBytes = 128

// labels limits the values of a label. Each value costs memory permanently, in the process and in
// the metrics database, so callers must not be able to create values.
type labels struct {
	mu    sync.Mutex
	known map[string]bool
	// capacity is the number of further values that are accepted.
	capacity int
}

// newLabels accepts the known values and room other values.
func newLabels(room int, known ...string) *labels {
	l := &labels{known: make(map[string]bool, len(known)), capacity: room}
	for _, v := range known {
		l.known[v] = true
	}
	return l
}

// limit returns the value if it is accepted, and otherwise "other".
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
