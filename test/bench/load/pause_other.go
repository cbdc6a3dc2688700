//go:build !linux

package load

import "time"

// PauseUntil waits as exactly as Go's timers do.
func PauseUntil(due time.Time) { time.Sleep(time.Until(due)) }
