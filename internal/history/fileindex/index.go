// Package fileindex maintains an index of an audit trail in files. It maps a secret, store, tenant or caller
// to lines.
//
// This package must not know who reads a line, or why.
//
// The index follows the files of the trail and does not lock or slow their writers. New lines are indexed in
// memory. After SegmentLines lines the index is written to a segment, an immutable file, and memory is
// cleared. Memory is therefore bounded, and after a kill only the part in memory is rebuilt from the trail. A
// damaged segment is removed and rebuilt. The index is not evidence: lines are always read from the trail.
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
	// usualLines is the default number of lines of a segment: about 60 MB of the trail, and less than 20 MB
	// of memory while the lines are in memory.
	usualLines = 1 << 16
	// interval is the period at which Run polls for new lines.
	interval = time.Second
)

// Config describes the location of a trail and its index.
type Config struct {
	// Path is the audit file. The rotated files in the same folder belong to the trail. Empty: Paths lists
	// all files.
	Path  string
	Paths []string
	// Folder holds the index. It is created with mode 0700 if missing.
	Folder string
	// Known is a folder with an index that another process may maintain. It is loaded in place of Folder and
	// never modified. Empty: Folder.
	Known string
	// SegmentLines is the number of lines of a segment. 0: 65,536.
	SegmentLines int
	// Logger logs failures to write the index. It may be nil.
	Logger *zap.Logger
}

// Index is an index of a trail. It is safe for concurrent use.
type Index struct {
	c     Config
	built atomic.Bool
	// reached is the sequence number of the last line read.
	reached atomic.Uint64
	// missed is files.missed of the reads of Lines.
	missed atomic.Bool
	// one is a semaphore held while reading the trail.
	one  chan struct{}
	tail tail
	// facts are those of the line being added.
	facts audit.Facts
	// chain is the chain identifier of the segments.
	chain string
	// failed is the number of lines beyond SegmentLines at which the next attempt to write a segment is made,
	// after failures.
	failed int

	// mu guards the fields below. The holder of one may read them without mu.
	mu       sync.RWMutex
	segments []*segment
	memory   *memory
	open     openIntents
}

// New returns an index. It reads nothing: call Run or Build.
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

// CatchUp updates the index to the end of the trail. Before the end of the first Build, its error is
// audit.ErrIndexing.
func (x *Index) CatchUp(ctx context.Context) error {
	if !x.built.Load() {
		return fmt.Errorf("%w: it has the first %d lines", audit.ErrIndexing, x.Reached())
	}
	return x.Build(ctx)
}

// Reached returns the sequence number of the last line read.
func (x *Index) Reached() uint64 { return x.reached.Load() }

// Built reports whether the first Build has ended.
func (x *Index) Built() bool { return x.built.Load() }

// Damaged returns audit.ErrDamaged if the part of the trail that this Index has read since New has parts that are
// no records. Of the part that segments cover, only the lines that Lines was asked for are read.
func (x *Index) Damaged() error {
	x.one <- struct{}{}
	defer func() { <-x.one }()
	x.tail.files.missed = x.tail.files.missed || x.missed.Load()
	return x.tail.damaged()
}

// Build updates the index to the end of the trail, without a time limit.
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

// add indexes a line. The caller holds mu.
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

// mostUnwritten bounds the lines in memory, in segments, while segments cannot be written.
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
