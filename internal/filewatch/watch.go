package filewatch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	defaultMaxBytes = 1 << 20
	// firstRetry is the time until refused content is loaded again. It doubles up to Config.Digest. Content
	// may become valid without a change, for example a certificate at the start of its validity.
	firstRetry = time.Second
	// maxChanging is the time after which continuously changing content is reported as a failure.
	maxChanging = 10 * time.Second
)

// FileGroup is a set of files that are loaded together.
type FileGroup struct {
	// Kind is the purpose of the files in metrics, such as policy or tls.
	Kind string
	// Files are the paths. Each must resolve to a regular file.
	Files []string
	// ReloadOnTouch says that Load is also called if only the status of a file changed.
	ReloadOnTouch bool
	// MaxBytes is the maximum size of each file. 0: 1 MiB.
	MaxBytes int64
	// Load applies the contents, in the order of Files, or returns an error. Calls of Load do not overlap.
	// Load may add other groups to the Watcher and stop their watches. It must not call its own Watch or
	// Recheck.
	Load func(contents [][]byte) error
	// Report is called with the error if files cannot be read or loaded, once per error. It is called with
	// nil when new content is in use and when a failure has ended. It is not called for the first load. It
	// must not block or call the Watch or the Watcher. It may be nil.
	Report func(error)
}

// Watch is a watched group.
type Watch struct {
	group   FileGroup
	config  Config
	watcher *Watcher // nil: no polling

	mu             sync.Mutex
	loaded         version
	digestAt       time.Time // when the content is compared next
	candidate      version   // changed content that has to settle
	candidateSince time.Time // when the candidate was read first
	changingSince  time.Time // when content began to change; zero: it does not
	refused        version   // content that Load refused
	retryAt        time.Time
	retry          time.Duration
	failure        error // the failure that was reported last; nil: none
	count          counts
}

type counts struct {
	loads, failures uint64
	last            time.Time // of the last load
}

// Check polls the files of the group now. It returns when a change is loaded or refused, or when ctx ends.
func (w *Watch) Check(ctx context.Context) {
	check(ctx, []*Watch{w}, w.config.Debounce, false)
}

// Failure returns the reason why changed files are not in use. Nil: there is no failure.
func (w *Watch) Failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failure
}

// Stop ends the watch.
func (w *Watch) Stop() {
	if w.watcher != nil {
		w.watcher.remove(w)
	}
}

// loadFirst loads the group for the first time. It does not debounce, so that a start does not wait. The next
// poll compares the content again.
func (w *Watch) loadFirst(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for try := 1; ; try++ {
		read, contents, err := w.group.read()
		if errors.Is(err, errChanging) && try < maxPasses && pause(ctx, w.config.Debounce) {
			continue
		}
		if err == nil {
			err = w.group.Load(contents)
		}
		if err == nil {
			w.loaded, w.count = read, counts{loads: 1, last: time.Now()}
		}
		return err
	}
}

// poll checks the files once. It returns true if changed content must be debounced: the caller waits and
// calls poll again. If forced is true, poll reads the content even if the status of the files has not
// changed.
func (w *Watch) poll(now time.Time, forced bool) (settling bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.candidate.empty() && !forced && !w.due(now) {
		return false
	}
	read, contents, err := w.group.read()
	switch {
	case errors.Is(err, errChanging):
		return w.setCandidate(version{}, now)
	case err != nil:
		w.candidate, w.changingSince = version{}, time.Time{}
		w.fail(err)
		return false
	case w.unchanged(read):
		w.candidate, w.changingSince, w.refused = version{}, time.Time{}, version{}
		w.loaded, w.digestAt = read, now.Add(w.config.Digest)
		w.succeed(false)
		return false
	case read.same(w.refused): // it has settled before
	case !read.same(w.candidate):
		return w.setCandidate(read, now)
	case now.Sub(w.candidateSince) < w.config.Debounce:
		return true
	}
	w.candidate, w.changingSince = version{}, time.Time{}
	w.load(read, contents, now)
	return false
}

func (w *Watch) unchanged(read version) bool {
	return read.digest == w.loaded.digest && (!w.group.ReloadOnTouch || equal(read.status, w.loaded.status))
}

// due reports whether the files must be read.
func (w *Watch) due(now time.Time) bool {
	status, err := w.group.status()
	switch {
	case err != nil:
		return true
	case equal(status, w.refused.status):
		return !now.Before(w.retryAt)
	default:
		return w.failure != nil || !equal(status, w.loaded.status) || !now.Before(w.digestAt)
	}
}

// setCandidate makes content the candidate and starts its debounce time.
func (w *Watch) setCandidate(read version, now time.Time) bool {
	w.candidate, w.candidateSince = read, now
	if w.changingSince.IsZero() {
		w.changingSince = now
	}
	if now.Sub(w.changingSince) > maxChanging {
		w.fail(fmt.Errorf("%s: the content changes all the time", w.group.names()))
	}
	return true
}

// load loads debounced content.
func (w *Watch) load(read version, contents [][]byte, now time.Time) {
	if err := w.group.Load(contents); err != nil {
		if w.refused.digest != read.digest {
			w.retry = firstRetry
		}
		w.refused, w.retryAt = read, now.Add(w.retry)
		w.retry = min(2*w.retry, w.config.Digest)
		w.fail(err)
		return
	}
	w.loaded, w.refused, w.digestAt = read, version{}, now.Add(w.config.Digest)
	w.count.last = now
	w.succeed(true)
}

func (w *Watch) fail(err error) {
	w.count.failures++
	if w.failure == nil || err.Error() != w.failure.Error() {
		w.failure = err
		w.group.Report(err)
	}
}

// succeed reports that new content is in use, or that a failure is over.
func (w *Watch) succeed(loaded bool) {
	if loaded {
		w.count.loads++
	}
	if loaded || w.failure != nil {
		w.failure = nil
		w.group.Report(nil)
	}
}
