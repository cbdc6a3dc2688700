package history_test

import (
	"testing"
	"time"

	"platform.internal/storekeeper/internal/history"
)

func TestTimesDaysAndAges(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                          {},
		"2026-01-31T12:00:00Z":      time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC),
		"2026-01-31T12:00:00+02:00": time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC),
		"2026-01-31":                time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
		"30d":                       time.Date(2026, 1, 30, 12, 0, 0, 0, time.UTC),
		"12h":                       time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"1h30m":                     time.Date(2026, 3, 1, 10, 30, 0, 0, time.UTC),
		"0d":                        now,
	} {
		if got, err := history.ParseWhen(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"yesterday", "30", "-1h", "1.5d", "-3d", "99999d", "2026-13-01", "d", "10000000h"} {
		if got, err := history.ParseWhen(text, now); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
