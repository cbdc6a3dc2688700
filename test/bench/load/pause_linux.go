package load

import (
	"syscall"
	"time"
)

// PauseUntil waits for a time. It sleeps in the kernel, because Go's timers are
// up to a millisecond late in a program that otherwise waits for the network.
func PauseUntil(due time.Time) {
	for left := time.Until(due); left > 0; left = time.Until(due) {
		wait := syscall.NsecToTimespec(int64(left))
		// A signal may end the sleep early; the loop sleeps the rest.
		_ = syscall.Nanosleep(&wait, nil)
	}
}
