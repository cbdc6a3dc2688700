package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// lookEvery is how long keys are used before their file is looked at again.
const lookEvery = time.Second

// fileKeys holds the keys of an issuer that cannot be asked. Their file is
// looked at on use, at most once in lookEvery, so it needs no goroutine.
type fileKeys struct {
	file  string
	clock func() time.Time
	tell  func(keys int, err error)

	mu     sync.Mutex
	set    keySet
	looked time.Time
	seen   os.FileInfo // of the content in use; nil: read it again
	failed string      // the failure that was told last
}

func newFileKeys(file string, clock func() time.Time, tell func(int, error)) (*fileKeys, error) {
	f := &fileKeys{file: file, clock: clock, tell: tell, looked: clock()}
	if _, err := f.read(); err != nil {
		return nil, err
	}
	tell(len(f.set.keys), nil)
	return f, nil
}

func (*fileKeys) close() {}

func (f *fileKeys) version() uint64 { return f.latest().version }

func (f *fileKeys) current(context.Context) (keySet, error) { return f.latest(), nil }

func (f *fileKeys) renew(context.Context, uint64) (keySet, error) { return f.latest(), nil }

func (f *fileKeys) state() keyState {
	set := f.latest()
	f.mu.Lock()
	defer f.mu.Unlock()
	state := keyState{keys: len(set.keys)}
	if f.failed != "" {
		state.failed = errors.New(f.failed)
	}
	return state
}

// latest returns the keys in use. A file that cannot be read leaves those in use
// that were there.
func (f *fileKeys) latest() keySet {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.clock()
	if now.Sub(f.looked) < lookEvery {
		return f.set
	}
	f.looked = now
	changed, err := f.read()
	switch {
	case err != nil && err.Error() != f.failed:
		f.failed = err.Error()
		f.tell(len(f.set.keys), err)
	case err == nil && (changed || f.failed != ""):
		f.failed = ""
		f.tell(len(f.set.keys), nil)
	}
	return f.set
}

// read reads the file unless it is the one that was read before. It reports
// whether there are new keys.
func (f *fileKeys) read() (bool, error) {
	info, err := os.Stat(f.file)
	if err == nil && f.seen != nil && os.SameFile(f.seen, info) && f.seen.Size() == info.Size() && f.seen.ModTime().Equal(info.ModTime()) {
		return false, nil
	}
	f.seen = nil
	if err != nil {
		return false, err
	}
	text, err := readFile(f.file)
	if err != nil {
		return false, err
	}
	keys, err := parseKeys(text)
	if err != nil {
		return false, fmt.Errorf("%s: %w", f.file, err)
	}
	f.set, f.seen = keySet{keys: keys, version: f.set.version + 1}, info
	return true, nil
}

// readFile reads a regular file of at most maxBody bytes.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing can be lost
	return readAtMost(f, name)
}

// readAtMost reads all of r, which must be at most maxBody bytes.
func readAtMost(r io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxBody {
		return nil, fmt.Errorf("%s must be at most %d bytes", name, maxBody)
	}
	return text, nil
}
