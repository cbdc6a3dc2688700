package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

const (
	// maxCredential is the most bytes that a credential file may hold.
	maxCredential = 4 << 10
	// stillFor is how long a file has to keep its content before the content
	// counts. Who writes a file in place leaves it empty or half written for a
	// moment. It is longer than the tick of file times, too, so that two
	// changes within one tick cannot look like one.
	stillFor = 25 * time.Millisecond
)

// content is what a credential file held at one moment, or why that is no use.
type content struct {
	info os.FileInfo
	text string
	err  error
}

// settle reads a file until it stands still. Its second result is false when
// the context ended before.
func settle(ctx context.Context, file string) (content, bool) {
	before := readCredential(file)
	for pause(ctx, stillFor) {
		now := readCredential(file)
		if now.same(before) {
			return now, true
		}
		before = now
	}
	return content{}, false
}

func (c content) same(other content) bool {
	if c.err != nil || other.err != nil {
		return c.err != nil && other.err != nil && c.err.Error() == other.err.Error()
	}
	return c.text == other.text && unchanged(c.info, other.info)
}

// unchanged says whether a file is the one that was seen before. Kubernetes
// changes a mounted secret by pointing a symbolic link at another directory, so
// the identity of the file is compared beside its size and time.
func unchanged(seen, now os.FileInfo) bool {
	return seen != nil && now != nil &&
		os.SameFile(seen, now) && seen.Size() == now.Size() && seen.ModTime().Equal(now.ModTime())
}

// readCredential reads a file. The path is followed anew each time.
func readCredential(file string) content {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return content{err: err}
	case !info.Mode().IsRegular():
		// A pipe would block on opening.
		return content{err: fmt.Errorf("%s is not a regular file", file)}
	}
	f, err := os.Open(file)
	if err != nil {
		return content{err: err}
	}
	defer func() { _ = f.Close() }()
	// The path may lead to another file by now.
	if info, err = f.Stat(); err != nil {
		return content{err: err}
	}
	all, err := io.ReadAll(io.LimitReader(f, maxCredential+1))
	if err != nil {
		return content{err: err}
	}
	text := strings.TrimRight(string(all), "\r\n")
	if err := checkCredential(text); err != nil {
		return content{err: fmt.Errorf("%s: %w", file, err)}
	}
	return content{info: info, text: text}
}

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

// pause waits, and says whether it did so to the end.
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
