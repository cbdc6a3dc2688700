// Package disktest is an in-memory file system with injected failures that loses unsynced data in a
// crash.
//
// The package does not know its users. It is stricter than real file systems: a name is durable
// only after a sync of the folder, and data of a failed sync is not written by a later sync.
package disktest

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"platform.internal/storekeeper/internal/store/disk"
)

const sector = 512

// ErrHalf makes a write stop in the middle, at a sector boundary, as on a full disk.
var ErrHalf = errors.New("half of it")

// FS is a file system. Use New; the zero value is not usable.
type FS struct {
	mu sync.Mutex
	// names and folders are the current names. lasting holds the names that survive a power loss.
	names, lasting map[string]*node
	folders        map[string]bool
	rule           func(op, name string) error
	ops            int
}

// node is a file, independent of its names.
type node struct {
	text []byte
	mode fs.FileMode
	// synced is the durable length. before holds the durable content of sectors that were written
	// since the last sync.
	synced int64
	before map[int64]change
	lock   *File
}

// change is the durable content of a sector. lost reports that a sync of the sector has failed
// since.
type change struct {
	text []byte
	lost bool
}

// New makes an empty file system with some folders.
func New(folders ...string) *FS {
	f := &FS{names: map[string]*node{}, lasting: map[string]*node{}, folders: map[string]bool{}}
	for _, folder := range folders {
		f.folders[folder] = true
	}
	return f
}

// Set makes rule decide on each operation from now on: "open", "read", "write", "sync", "truncate",
// "rename", "remove", "stat", "names", "syncdir". name is the last element of the path. If rule is
// nil, nothing fails.
func (f *FS) Set(rule func(op, name string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rule = rule
}

// Ops returns the number of operations so far.
func (f *FS) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// do calls the rule, which may block.
func (f *FS) do(op, path string) error {
	f.mu.Lock()
	f.ops++
	rule := f.rule
	f.mu.Unlock()
	if rule == nil {
		return nil
	}
	err := rule(op, filepath.Base(path))
	if err == nil || errors.Is(err, ErrHalf) {
		return err
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}

// Crash returns the file system after a power loss: the synced names, and the synced content of
// each sector. With random, unsynced names and sectors survive at random. The receiver is
// unchanged.
func (f *FS) Crash(random *rand.Rand) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := New()
	for folder := range f.folders {
		left.folders[folder] = true
	}
	nodes := map[*node]*node{}
	names := f.lasting
	if random != nil && random.IntN(2) == 0 {
		names = f.names
	}
	for name, n := range names {
		if nodes[n] == nil {
			nodes[n] = n.crash(random)
		}
		left.names[name], left.lasting[name] = nodes[n], nodes[n]
	}
	return left
}

func (n *node) crash(random *rand.Rand) *node {
	text := slices.Clone(n.text)
	if grown := random != nil && random.IntN(2) == 0; !grown || int64(len(text)) < n.synced {
		text = slices.Clone(n.text[:min(int64(len(n.text)), n.synced)])
		text = append(text, make([]byte, n.synced-int64(len(text)))...)
	}
	for at, c := range n.before {
		if random != nil && random.IntN(2) == 0 || at*sector >= int64(len(text)) {
			continue
		}
		part := text[at*sector : min(at*sector+sector, int64(len(text)))]
		clear(part)
		copy(part, c.text)
	}
	return &node{text: text, mode: n.mode, synced: int64(len(text)), before: map[int64]change{}}
}

// Kill returns the file system after the end of the process: all data, without locks.
func (f *FS) Kill() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := New()
	left.folders = f.folders
	nodes := map[*node]*node{}
	twin := func(n *node) *node {
		if nodes[n] == nil {
			nodes[n] = &node{text: slices.Clone(n.text), mode: n.mode, synced: n.synced, before: maps.Clone(n.before)}
		}
		return nodes[n]
	}
	for name, n := range f.names {
		left.names[name] = twin(n)
	}
	for name, n := range f.lasting {
		left.lasting[name] = twin(n)
	}
	return left
}

// Read returns the content of a file, or nil if there is none.
func (f *FS) Read(path string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.names[path]; n != nil {
		return slices.Clone(n.text)
	}
	return nil
}

// Write creates a file with a durable content.
func (f *FS) Write(path string, text []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := &node{text: slices.Clone(text), mode: 0o600, synced: int64(len(text)), before: map[int64]change{}}
	f.names[path], f.lasting[path] = n, n
}

// Remove implements disk.FS.
func (f *FS) Remove(path string) error {
	if err := f.do("remove", path); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.names[path] == nil {
		return &fs.PathError{Op: "remove", Path: path, Err: syscall.ENOENT}
	}
	delete(f.names, path)
	return nil
}

// Rename implements disk.FS.
func (f *FS) Rename(from, to string) error {
	if err := f.do("rename", from); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.names[from]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: syscall.ENOENT}
	}
	delete(f.names, from)
	f.names[to] = n
	return nil
}

// MkdirAll implements disk.FS.
func (f *FS) MkdirAll(path string, _ fs.FileMode) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.folders[path] = true
	return nil
}

// Names implements disk.FS.
func (f *FS) Names(folder string) ([]string, error) {
	if err := f.do("names", folder); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for path := range f.names {
		if filepath.Dir(path) == folder {
			names = append(names, filepath.Base(path))
		}
	}
	slices.Sort(names)
	return names, nil
}

// SyncDir implements disk.FS.
func (f *FS) SyncDir(folder string) error {
	if err := f.do("syncdir", folder); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for path := range f.lasting {
		if filepath.Dir(path) == folder && f.names[path] == nil {
			delete(f.lasting, path)
		}
	}
	for path, n := range f.names {
		if filepath.Dir(path) == folder {
			f.lasting[path] = n
		}
	}
	return nil
}

// Space implements disk.FS.
func (f *FS) Space(string) (free, size int64, err error) { return 1 << 40, 1 << 40, nil }

// Stat implements disk.FS.
func (f *FS) Stat(path string) (fs.FileInfo, error) {
	if err := f.do("stat", path); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.folders[path] {
		return info{name: filepath.Base(path), mode: fs.ModeDir | 0o700}, nil
	}
	n := f.names[path]
	if n == nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: syscall.ENOENT}
	}
	return n.info(path), nil
}

// OpenFile implements disk.FS.
func (f *FS) OpenFile(path string, flag int, mode fs.FileMode) (disk.File, error) {
	if err := f.do("open", path); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.names[path]
	switch {
	case n == nil && flag&syscall.O_CREAT == 0, !f.folders[filepath.Dir(path)]:
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
	case f.folders[path]:
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.EISDIR}
	case n == nil:
		n = &node{mode: mode, before: map[int64]change{}}
		f.names[path] = n
	case flag&syscall.O_TRUNC != 0:
		n.cut(0)
	}
	return &File{fs: f, node: n, path: path, append: flag&syscall.O_APPEND != 0}, nil
}

type info struct {
	name string
	size int64
	mode fs.FileMode
}

func (n *node) info(path string) info {
	return info{name: filepath.Base(path), size: int64(len(n.text)), mode: n.mode}
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }
