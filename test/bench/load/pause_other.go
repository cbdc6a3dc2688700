//go:build !linux

package load

import "time"

// pauseUntil waits as exactly as Go's timers do.
func pauseUntil(due time.Time) { time.Sleep(time.Until(due)) }
