// Package filewatch reloads files when they change: rules, certificates, key sets and credentials.
//
// One Watcher polls all files of the process. The package must not know the meaning of a file: the Load
// function of a FileGroup applies the content. It imports no other package of Storekeeper.
//
// A change is detected by the status of a file (device, inode, mode, size, modification and change time),
// with symbolic links followed each time, and, as the last resort, by a digest of the content. Changed
// content is debounced: it must stay the same for a while before the load, because a file that is written in
// place is incomplete for a moment. Files that cannot be read or loaded are retried, and the earlier content
// stays in use.
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
	// maxPasses limits how long a check waits for files that keep changing. The
	// next check continues.
	maxPasses = 10
)

// Config configures a Watcher. The zero value is valid.
type Config struct {
	// Interval is the polling interval. 0: 1 second.
	Interval time.Duration
	// Debounce is the time for which changed content must stay the same before the load. 0: 50 ms.
	Debounce time.Duration
	// Digest is the interval at which the content of files is compared even if their status did not change.
	// It is also the maximum time between two attempts to load refused content. 0: 30 seconds.
	Digest time.Duration
}

// Watcher polls the files of all groups. It is safe for concurrent use. A nil Watcher never polls: Add loads
// a group once.
type Watcher struct {
	config Config

	mu      sync.Mutex
	watches []*Watch
}

// New returns a Watcher. It polls during Run and at each Recheck.
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

// Add loads a group and then watches the group. If the load fails, Add returns the error and does not watch
// the group.
func (w *Watcher) Add(ctx context.Context, g FileGroup) (*Watch, error) {
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

// Run polls all files at each interval until ctx ends.
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

// Recheck reads all files now, even if their status did not change, and retries failed loads. It returns when
// each group is loaded, unchanged, refused, or keeps changing. A change made before Recheck is in use
// afterwards.
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

// check polls all watches until none has content to debounce. All wait at the
// same time.
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

// pause waits for d. It returns false if ctx ends before.
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
