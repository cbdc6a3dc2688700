// Package filewatch loads files again when they change: rules, certificates,
// key sets and credentials.
//
// One Watcher polls all files of the process. It must not know what a file
// means: a Group says how its content is put to use. It imports nothing of ours.
//
// A change shows in the status of a file (device, inode, mode, size,
// modification and change time), with each symbolic link followed anew, and, as
// the last resort, in a digest of the content. Changed content must stay the
// same for a while before it is loaded, since a file that is written in place is
// half written for a moment. What cannot be read or loaded is tried again until
// it can be; meanwhile the content that was loaded before stays in use.
package filewatch

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	defaultInterval = time.Second
	defaultDebounce = 50 * time.Millisecond
	defaultDigest   = 30 * time.Second
	// maxPasses bounds how long a check waits for files that keep changing. The
	// next check continues.
	maxPasses = 10
)

// Config says how a Watcher works. Its zero value is good.
type Config struct {
	// Interval is the time between two looks at the files. 0: 1 second.
	Interval time.Duration
	// Debounce is how long changed content must stay the same before it is
	// loaded. 0: 50 ms.
	Debounce time.Duration
	// Digest is the time between two comparisons of the content of files whose
	// status did not change, and the longest time between two attempts to load
	// content that was refused. 0: 30 seconds.
	Digest time.Duration
}

// Watcher polls the files of all groups. It is safe for concurrent use. A nil
// Watcher is one that never looks: Add loads a group once.
type Watcher struct {
	config Config

	mu      sync.Mutex
	watches []*Watch
}

// New returns a Watcher. It looks at files while Run runs, and at each Recheck.
func New(c Config) *Watcher {
	return &Watcher{config: c.withDefaults()}
}

func (c Config) withDefaults() Config {
	if c.Interval <= 0 {
		c.Interval = defaultInterval
	}
	if c.Debounce <= 0 {
		c.Debounce = defaultDebounce
	}
	if c.Digest <= 0 {
		c.Digest = defaultDigest
	}
	return c
}

// Add loads a group and watches it from then on. It fails where the group cannot
// be loaded now; the group is not watched then.
func (w *Watcher) Add(ctx context.Context, g Group) (*Watch, error) {
	config := Config{}.withDefaults()
	if w != nil {
		config = w.config
	}
	if g.MaxBytes <= 0 {
		g.MaxBytes = defaultMaxBytes
	}
	if g.Report == nil {
		g.Report = func(error) {}
	}
	one := &Watch{group: g, config: config, watcher: w}
	if err := one.loadFirst(ctx); err != nil {
		return nil, err
	}
	if w != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.watches = append(w.watches, one)
	}
	return one, nil
}

// Run looks at all files each interval until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	tick := time.NewTicker(w.config.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			check(ctx, w.all(), w.config.Debounce, false)
		}
	}
}

// Recheck reads all files now, whatever their status says, and tries again what
// failed before. It returns when each group is loaded, unchanged, refused, or
// keeps changing. Changes of a file before Recheck are in use after it.
func (w *Watcher) Recheck(ctx context.Context) {
	if w != nil {
		check(ctx, w.all(), w.config.Debounce, true)
	}
}

func (w *Watcher) all() []*Watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.watches)
}

func (w *Watcher) remove(one *Watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watches = slices.DeleteFunc(w.watches, func(other *Watch) bool { return other == one })
}

// check steps all watches until none waits for content to settle. All wait at
// the same time.
func check(ctx context.Context, watches []*Watch, settle time.Duration, forced bool) {
	for range maxPasses {
		settling := watches[:0:0]
		for _, one := range watches {
			if one.poll(time.Now(), forced) {
				settling = append(settling, one)
			}
		}
		if len(settling) == 0 || !pause(ctx, settle) {
			return
		}
		watches = settling
	}
}

// pause waits, and reports whether it did so to the end.
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
