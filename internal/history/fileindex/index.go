// Package fileindex keeps an index of an audit trail in files: which lines are about
// a secret, a store, a tenant or a caller.
//
// It must not know who asks, nor what a line is asked for.
//
// The index follows the files of the trail and takes nothing from those who write
// them. Lines are first indexed in memory. After SegmentLines of them the index is
// written to a segment, a file that never changes, and memory begins anew: so
// memory is bounded, and a kill loses only what is read from the trail again. A
// segment that is not what was written is removed and made again. The files of the
// index prove nothing: whoever finds a line by them reads it from the trail.
package fileindex

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/audit"
)

const (
	// usualLines is how many lines a segment has: some 60 MB of the trail, and less
	// than 20 MB of memory while they are there.
	usualLines = 1 << 16
	// interval is how often Run looks for new lines.
	interval = time.Second
)

// Config says where a trail is.
type Config struct {
	// Path is the audit file. The rotated files beside it belong to the trail. Empty:
	// Paths has all files.
	Path  string
	Paths []string
	// Folder is where the index is. It is made with mode 0700 where it is missing.
	Folder string
	// Known is a folder with an index that another process may keep. It is read in place
	// of Folder at the start, and not changed. Empty: Folder.
	Known string
	// SegmentLines is how many lines a segment has. 0: 65,536.
	SegmentLines int
	// Logger is told when the index cannot be written. Nil: nobody.
	Logger *zap.Logger
}

// Index is an index of a trail. It is safe for concurrent use.
type Index struct {
	c     Config
	built atomic.Bool
	// reached is the number of the last line that was read.
	reached atomic.Uint64
	// one is held by the one who reads the trail.
	one  chan struct{}
	tail tail
	// facts are those of the line that is added.
	facts audit.Facts
	// chain is the identifier of the chain of the segments.
	chain string
	// failed is how many lines memory had when it could not be written.
	failed int

	// mu guards what follows. Who holds one may read it without mu.
	mu       sync.RWMutex
	segments []*segment
	memory   *memory
	open     openIntents
}

// New returns an index. Nothing is read yet: Run or Build does.
func New(c Config) *Index {
	if c.SegmentLines == 0 {
		c.SegmentLines = usualLines
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	x := &Index{c: c, one: make(chan struct{}, 1), memory: newMemory(), open: newOpenIntents()}
	x.tail.files = files{path: c.Path, paths: c.Paths, firsts: map[string]uint64{}}
	return x
}

// Run builds the index and follows the trail until ctx ends.
func (x *Index) Run(ctx context.Context) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	told := ""
	for {
		err := x.Build(ctx)
		if err != nil && ctx.Err() == nil && err.Error() != told {
			told = err.Error()
			x.c.Logger.Warn("the index of the audit trail cannot go on", zap.Error(err))
		}
		if err == nil {
			told = ""
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// CatchUp brings the index to the end of the trail. Its error has
// audit.ErrIndexing before the first Build has ended.
func (x *Index) CatchUp(ctx context.Context) error {
	if !x.built.Load() {
		return fmt.Errorf("%w: it has the first %d lines", audit.ErrIndexing, x.Reached())
	}
	return x.Build(ctx)
}

// Reached is the number of the last line that was read.
func (x *Index) Reached() uint64 { return x.reached.Load() }

// Built says whether the first Build has ended.
func (x *Index) Built() bool { return x.built.Load() }

// Build brings the index to the end of the trail, however long that takes.
func (x *Index) Build(ctx context.Context) error {
	select {
	case x.one <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-x.one }()
	if x.chain == "" {
		if err := x.load(); err != nil {
			return err
		}
	}
	if x.chain == "" {
		x.built.Store(true) // there is no line yet
		return nil
	}
	for ctx.Err() == nil {
		more, err := x.step(ctx)
		if err != nil {
			return err
		}
		if !more {
			x.built.Store(true)
			return nil
		}
	}
	return ctx.Err()
}

// step indexes the next lines. It returns false at the end of the trail.
func (x *Index) step(ctx context.Context) (bool, error) {
	lines, err := x.tail.next()
	if err != nil || lines == nil {
		return false, err
	}
	x.mu.Lock()
	for _, l := range lines {
		x.add(l)
	}
	x.mu.Unlock()
	x.reached.Store(x.tail.last)
	if x.memory.lines < x.c.SegmentLines+x.failed {
		return true, ctx.Err()
	}
	return true, x.seal()
}

// add indexes a line. mu is held.
func (x *Index) add(l line) {
	x.memory.lines++
	if !x.facts.Read(l.text) {
		return
	}
	switch x.facts.Kind {
	case audit.KindIntent:
		x.memory.intent(x.facts.ID, l.at, slices.Clone(x.facts.Keys), x.open)
	case audit.KindOutcome:
		i := x.open.take(x.facts.ID)
		if i != nil && i.keys == nil {
			i.keys = x.keysAt(i.at)
		}
		x.memory.outcome(i, l.at, x.facts.Keys)
	default:
	}
}

// keysAt reads the keys of an intent from the trail.
func (x *Index) keysAt(at audit.Location) []audit.Key {
	lines, err := x.tail.files.read([]audit.Location{at})
	if err != nil || lines[0] == nil {
		return nil
	}
	var of audit.Facts
	of.Read(lines[0])
	return of.Keys
}

// mostUnwritten is how many times the lines of a segment memory may have where it
// cannot be written.
const mostUnwritten = 8

// seal writes memory to a segment.
func (x *Index) seal() error {
	h := head{chain: x.chain, first: x.tail.begun, last: x.tail.last, end: x.tail.at, hash: x.tail.hash}
	open := x.open.list()
	text := x.memory.encode(h, open)
	err := os.MkdirAll(x.c.Folder, 0o700)
	if err == nil {
		err = save(x.c.Folder, h.first, text)
	}
	var s *segment
	if err == nil {
		s, _, err = openSegment(filepath.Join(x.c.Folder, segmentName(h.first)))
	}
	if err != nil {
		x.failed += x.c.SegmentLines / 16
		if x.memory.lines > mostUnwritten*x.c.SegmentLines {
			return err
		}
		x.c.Logger.Warn("a segment of the index of the audit trail cannot be written", zap.Error(err))
		return nil
	}
	x.failed, x.tail.begun = 0, h.last+1
	x.mu.Lock()
	defer x.mu.Unlock()
	x.segments, x.memory = append(x.segments, s), newMemory()
	x.openNewest()
	for _, i := range x.open.byID {
		i.row = -1
	}
	return nil
}
