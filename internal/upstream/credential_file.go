package upstream

import (
	"context"
	"errors"
	"strings"
	"time"
)

const (
	// maxCredential is the maximum length of a credential in bytes.
	maxCredential = 4 << 10
	// maxFile is the maximum size of a credential's file in bytes, including line ends.
	maxFile = 2 * maxCredential
)

func checkCredential(text string) error {
	switch {
	case text == "":
		return errors.New("credential is empty")
	case len(text) > maxCredential:
		return errors.New("credential has more than 4096 bytes")
	case strings.ContainsFunc(text, notHeaderSafe):
		return errors.New("credential holds a blank or a character that no header may carry")
	}
	return nil
}

func notHeaderSafe(r rune) bool { return r <= ' ' || r > '~' }

// pause sleeps for d. It returns false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
