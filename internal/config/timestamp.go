package config

import "time"

// Timestamp is a moment, in microseconds since 1970 in UTC. 0: none is set.
type Timestamp int64

// timestampRule says how a Timestamp is written.
const timestampRule = "must be a time with a zone, such as 2027-01-31T00:00:00Z (RFC 3339), after 1970"

// parseTimestamp parses a time. It returns false for any other text.
func parseTimestamp(text string) (Timestamp, bool) {
	at, err := time.Parse(time.RFC3339, text)
	return Timestamp(at.UnixMicro()), err == nil && at.UnixMicro() > 0
}

// Time returns the time, zero if none is set.
func (t Timestamp) Time() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(t)).UTC()
}

// String formats the moment, "" if none is set.
func (t Timestamp) String() string {
	if t == 0 {
		return ""
	}
	return t.Time().Format(time.RFC3339Nano)
}
