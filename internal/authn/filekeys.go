package authn

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"platform.internal/storekeeper/internal/filewatch"
)

// fileKeys holds the keys of an issuer from a file.
type fileKeys struct {
	set   atomic.Pointer[keySet]
	watch *filewatch.Watch
}

func newFileKeys(file string, files *filewatch.Watcher, tell func(keys int, err error)) (*fileKeys, error) {
	f := &fileKeys{}
	f.set.Store(&keySet{})
	report := func(err error) { tell(len(f.set.Load().keys), err) }
	var err error
	f.watch, err = files.Add(context.Background(), filewatch.FileGroup{
		Kind: "issuer_keys", Files: []string{file}, MaxBytes: maxBody, Report: report,
		Load: func(contents [][]byte) error { return f.load(file, contents[0]) },
	})
	if err != nil {
		return nil, err
	}
	report(nil)
	return f, nil
}

func (f *fileKeys) load(file string, text []byte) error {
	keys, err := parseKeys(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	f.set.Store(&keySet{keys: keys, version: f.set.Load().version + 1})
	return nil
}

func (f *fileKeys) close() { f.watch.Stop() }

func (f *fileKeys) version() uint64 { return f.set.Load().version }

func (f *fileKeys) state() keyState {
	return keyState{keys: len(f.set.Load().keys), failed: f.watch.Failure()}
}

func (f *fileKeys) current(context.Context) (keySet, error) { return *f.set.Load(), nil }

func (f *fileKeys) renew(context.Context, uint64) (keySet, error) { return *f.set.Load(), nil }

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
