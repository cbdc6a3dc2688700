package history

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

var errWhen = errors.New("must be a time such as 2026-01-31T12:00:00Z, a day such as 2026-01-31, or an age such as 30d, 12h or 90m")

// longestAge bounds ages to more than the age of any trail.
const longestAge = 100 * 365 * 24 * time.Hour

// ParseWhen reads a time, a day in UTC, or an age before now. The empty text is the
// zero time.
func ParseWhen(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil {
			return at, nil
		}
	}
	age, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 15)
		age = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || age < 0 || age > longestAge {
		return time.Time{}, errWhen
	}
	return now.Add(-age), nil
}
