package idempotency_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
)

var errCut = errors.New("the connection is cut")

// disk is an in-memory store that survives its Coordinators.
type disk struct {
	mu      sync.Mutex
	entries map[string]store.Record
	// trail are the lines that were committed.
	trail []audit.Record
	// written holds every value that ever was.
	written [][]byte
}

func newDisk() *disk { return &disk{entries: make(map[string]store.Record)} }

func (d *disk) get(keys []string) map[string]store.Record {
	found := make(map[string]store.Record)
	for _, k := range keys {
		if e, ok := d.entries[k]; ok && (e.Expires.IsZero() || e.Expires.After(time.Now())) {
			found[k] = store.Record{Value: bytes.Clone(e.Value), Expires: e.Expires}
		}
	}
	return found
}

func (d *disk) change(keys []string, decide store.Decide) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	changes, err := decide(d.get(keys))
	if err != nil {
		return err
	}
	if err := store.CheckChanges(keys, changes.Records); err != nil {
		return err
	}
	d.trail = append(d.trail, changes.Lines...)
	for k, e := range changes.Records {
		if e == nil {
			delete(d.entries, k)
			continue
		}
		d.entries[k] = *e
		d.written = append(d.written, []byte(k), e.Value)
	}
	return nil
}

// contains says whether text was ever written, plainly or as base64.
func (d *disk) contains(text string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.written, func(v []byte) bool {
		if bytes.Contains(v, []byte(text)) {
			return true
		}
		for word := range strings.SplitSeq(string(v), `"`) {
			if plain, err := base64.StdEncoding.DecodeString(word); err == nil && bytes.Contains(plain, []byte(text)) {
				return true
			}
		}
		return false
	})
}

// names returns the keys that begin with prefix.
func (d *disk) names(prefix string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []string
	for _, k := range slices.Sorted(maps.Keys(d.entries)) {
		if _, alive := d.get([]string{k})[k]; alive && strings.HasPrefix(k, prefix) {
			found = append(found, k)
		}
	}
	return found
}

// link connects one Coordinator to a disk.
type link struct {
	disk *disk
	mu   sync.Mutex
	// cut fails every call. deaf makes each change and then fails.
	cut, deaf bool
	// delay, if above 0, is the most that a call waits before and after.
	delay time.Duration
	// torn, if above 0, is the delay between two records of one read.
	torn time.Duration
	// before, if not nil, is called with the keys of each change.
	before func(keys []string)
}

func (l *link) set(cut, deaf bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut, l.deaf = cut, deaf
}

func (l *link) state() (cut, deaf bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut, l.deaf
}

// travel is the time that a message takes.
func (l *link) travel(ctx context.Context) error {
	if l.delay > 0 {
		t := time.NewTimer(rand.N(l.delay))
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	if cut, _ := l.state(); cut {
		return store.Unavailable(errCut)
	}
	if err := ctx.Err(); err != nil {
		return store.Unavailable(err)
	}
	return nil
}

func (l *link) Get(ctx context.Context, keys ...string) (map[string]store.Record, error) {
	if err := store.CheckKeys(keys); err != nil {
		return nil, err
	}
	if err := l.travel(ctx); err != nil {
		return nil, err
	}
	found := make(map[string]store.Record)
	for n, key := range keys {
		if n > 0 && l.torn > 0 {
			time.Sleep(l.torn)
		}
		l.disk.mu.Lock()
		maps.Copy(found, l.disk.get([]string{key}))
		l.disk.mu.Unlock()
	}
	return found, l.travel(ctx)
}

func (l *link) Commit(ctx context.Context, keys []string, decide store.Decide, _ ...store.Lazy) error {
	if err := store.CheckKeys(keys); err != nil {
		return err
	}
	if err := l.travel(ctx); err != nil {
		return err
	}
	if l.before != nil {
		l.before(keys)
	}
	if err := l.disk.change(keys, decide); err != nil {
		return err
	}
	if _, deaf := l.state(); deaf {
		return store.Unavailable(errCut)
	}
	return l.travel(ctx)
}

func (l *link) Scan(ctx context.Context, prefix string, visit func(string, store.Record) error) error {
	if err := l.travel(ctx); err != nil {
		return err
	}
	for _, k := range l.disk.names(prefix) {
		l.disk.mu.Lock()
		e, ok := l.disk.get([]string{k})[k]
		l.disk.mu.Unlock()
		if !ok || !e.Expires.IsZero() {
			continue
		}
		if err := visit(k, e); err != nil {
			return err
		}
	}
	return l.travel(ctx)
}

func (l *link) Close() error { return nil }

func (l *link) Healthy(context.Context) error { return nil }

func (l *link) Trail(context.Context, uint64, func([]byte) error) error { return nil }

func (l *link) Events(context.Context, string, store.Position) ([][]byte, store.Position, bool, error) {
	return nil, "", true, nil
}

// spoil writes a record that makes no sense.
func (l *link) spoil(key string) error {
	return l.disk.change([]string{key}, func(map[string]store.Record) (store.Changes, error) {
		return store.Changes{Records: map[string]*store.Record{key: {Value: []byte("{")}}}, nil
	})
}
