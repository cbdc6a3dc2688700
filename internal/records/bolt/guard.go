package bolt

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

// guard knows the files of an open store, and finds out when one of them is not
// in its place any more, or has been cut.
type guard struct {
	mu    sync.Mutex
	files []*guarded
	// mapped is the one that is mapped into memory.
	mapped *guarded
}

type guarded struct {
	path string
	info os.FileInfo
	// long is how many bytes the file must have. nil: as many as it ever had,
	// since it is mapped into memory.
	long *atomic.Int64
	// cut is set for good: what was cut off is lost.
	cut error
}

func (g *guard) add(path string, long *atomic.Int64) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	one := &guarded{path: path, info: info, long: long}
	if long != nil {
		long.Store(info.Size())
	} else {
		g.mapped = one
	}
	g.files = append(g.files, one)
	return nil
}

// readable returns an error where the file that is mapped into memory was cut.
func (g *guard) readable() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	// One that is not in its place is still whole, as far as is known.
	_ = g.mapped.look()
	return g.mapped.cut
}

// check returns an error where a file was removed, replaced or cut. Files that
// are back in their places are good again.
func (g *guard) check() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, one := range g.files {
		if err := one.look(); err != nil {
			return err
		}
	}
	return nil
}

// look holds a file against what is known of it. The guard's mu is held.
func (f *guarded) look() error {
	if f.cut != nil {
		return f.cut
	}
	now, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("%s is not in its place any more: %w", f.path, err)
	}
	if !os.SameFile(f.info, now) {
		return fmt.Errorf("%s is another file than the one that is in use", f.path)
	}
	least := f.info.Size()
	if f.long != nil {
		least = f.long.Load()
	}
	if now.Size() < least {
		f.cut = fmt.Errorf("%s was cut to %d bytes while it is in use; it had %d", f.path, now.Size(), least)
		return f.cut
	}
	f.info = now
	return nil
}
