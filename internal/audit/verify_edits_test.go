package audit_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// everyEdit makes the test of edits try all 255 other values of each byte, which
// takes minutes.
var everyEdit = flag.Bool("every-edit", false, "try every value of every byte")

// edits lists the replacements of the byte at an offset.
func edits(b byte, at int) []byte {
	if *everyEdit {
		all := make([]byte, 0, 255)
		for d := range 255 {
			all = append(all, b^byte(d+1))
		}
		return all
	}
	// A flipped bit, and in turn: a flipped letter case, a line feed, a space, and a character that
	// many readers treat as equivalent.
	return []byte{b ^ 1, []byte{b ^ 0x20, '\n', ' ', '\r'}[at%4]}
}

func TestEverySingleByteEditIsFound(t *testing.T) {
	var next, tried atomic.Int64
	var group sync.WaitGroup
	p := path(t)
	usual(t, p, 49)
	for range runtime.GOMAXPROCS(0) {
		own := path(t)
		write(t, own, content(p))
		write(t, own+".head", content(p+".head"))
		group.Go(func() { tried.Add(editAll(t, own, &next)) })
	}
	group.Wait()
	t.Logf("%d edits", tried.Load())
}

// editAll edits each byte of the file and the head in turn, and returns the number of edits.
func editAll(t *testing.T, p string, next *atomic.Int64) (tried int64) {
	t.Helper()
	file, head := content(p), content(p+".head")
	for {
		at := int(next.Add(editStep)) - editStep
		name, whole := p, file
		if at >= len(file) {
			name, whole, at = p+".head", head, at-len(file)
		}
		if at >= len(whole) {
			return tried
		}
		opened, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return tried
		}
		for _, changed := range edits(whole[at], at) {
			if changed == whole[at] {
				continue
			}
			tried++
			_, _ = opened.WriteAt([]byte{changed}, int64(at))
			if !found(t, p, fmt.Sprintf("%s: byte %d, %q to %q", filepath.Base(name), at, whole[at], changed)) {
				return tried
			}
		}
		_, _ = opened.WriteAt(whole[at:at+1], int64(at))
		_ = opened.Close()
	}
}
