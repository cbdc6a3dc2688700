package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// sufferRemoval keeps a second name of the file, to see what stood in it.
func sufferRemoval(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	p := admit(t, file, inProcess)
	var kept []string
	calls := p.suffer(illness{unnoticed: true, heal: func() {}, strike: func() {
		kept = append(kept, fmt.Sprintf("%s.kept-%d", file, len(kept)))
		must(t, os.Link(file, kept[len(kept)-1]))
		must(t, os.Remove(file))
	}})
	p.stop()
	reckoning{calls: calls, border: p.border, trail: verified(t, append(kept, file)...)}.check(t)
	if code := run(t.Context(), []string{"audit", "verify", file}, terminal{out: &transcript{}, err: &transcript{}}); code == exitOK {
		t.Error("audit verify does not tell that what was removed is missing")
	}
}

// sufferRotation is what logrotate does, told nothing of our file.
func sufferRotation(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	p := admit(t, file, inProcess)
	var rotated []string
	calls := p.suffer(illness{unnoticed: true, heal: func() {}, strike: func() {
		rotated = append(rotated, fmt.Sprintf("%s.%d", file, len(rotated)))
		must(t, os.Rename(file, rotated[len(rotated)-1]))
	}})
	p.stop()
	reckoning{calls: calls, border: p.border, trail: verified(t, append(rotated, file)...)}.check(t)
}

// sufferMove takes the whole folder away and brings it back.
func sufferMove(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "trail")
	must(t, os.Mkdir(folder, 0o700))
	file := filepath.Join(folder, "audit.log")
	p := admit(t, file, inProcess)
	calls := p.suffer(illness{
		strike: func() { must(t, os.Rename(folder, folder+".away")) },
		heal:   func() { must(t, os.Rename(folder+".away", folder)) },
	})
	p.stop()
	reckoning{calls: calls, border: p.border, trail: verified(t, file)}.check(t)
}

// sufferReplacement puts a file of somebody else's in place of ours.
func sufferReplacement(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "audit.log")
	p := admit(t, file, inProcess)
	var kept []string
	calls := p.suffer(illness{unnoticed: true, heal: func() {}, strike: func() {
		kept = append(kept, fmt.Sprintf("%s.kept-%d", file, len(kept)))
		must(t, os.Link(file, kept[len(kept)-1]))
		must(t, os.WriteFile(file+".other", []byte("not a trail\n"), 0o600))
		must(t, os.Rename(file+".other", file))
	}})
	p.stop()
	reckoning{calls: calls, border: p.border, trail: verified(t, append(kept, file)...)}.check(t)
	if aside, err := filepath.Glob(file + ".damaged-*"); err != nil || len(aside) != len(kept) {
		t.Errorf("moved aside: %v %v", aside, err)
	}
}

// sufferFullDisk fills a small file system of its own.
func sufferFullDisk(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "small")
	must(t, os.Mkdir(folder, 0o700))
	// A trail grows by less than a megabyte a second here.
	size := fmt.Sprintf("mode=0700,size=%dm", 64+int(longSeconds(t).Seconds()))
	if said, err := exec.Command("mount", "-t", "tmpfs", "-o", size, "tmpfs", folder).CombinedOutput(); err != nil {
		t.Skipf("no small file system can be mounted here (%s), so no disk was filled", strings.TrimSpace(string(said)))
	}
	t.Cleanup(func() {
		if said, err := exec.Command("umount", folder).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, said)
		}
	})
	file := filepath.Join(folder, "audit.log")
	p := admit(t, file, inProcess)
	filler := filepath.Join(folder, "filler")
	calls := p.suffer(illness{
		strike: func() { fill(t, filler) },
		heal:   func() { must(t, os.Remove(filler)) },
	})
	p.stop()
	reckoning{calls: calls, border: p.border, trail: verified(t, file)}.check(t)
	if p.out.line("the audit trail cannot be written: changes are refused, and lines wait in the log") == nil || p.out.line("the audit trail can be written again") == nil {
		t.Error("the log tells of neither")
	}
}

func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	must(t, err)
	defer f.Close()
	for _, size := range []int{1 << 20, 4 << 10} {
		chunk := make([]byte, size)
		for err = nil; err == nil; _, err = f.Write(chunk) {
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

// sufferSilence has the trail on standard output, a pipe whose reader pauses.
func sufferSilence(t *testing.T) {
	from, to, err := os.Pipe()
	must(t, err)
	r := readPausing(t, from, to)
	s := setup{sets: []string{"audit.sink=stdout", "audit.file=", "store.max_wait=900ms"}}
	p := admitWith(t, s, func(p *program, file string, s setup) {
		p.begin(func(ctx context.Context, console terminal) int {
			return run(ctx, p.args(file, s), terminal{out: to, err: console.err})
		})
	})
	t.Cleanup(r.resume) // before the program is stopped, should this fail
	calls := p.suffer(illness{strike: r.pause, heal: r.resume})
	p.stop()
	must(t, to.Close())
	<-r.ended
	reckoning{calls: calls, border: p.border, trail: readTrail(t, r.text.String())}.check(t)
}

// pausingReader reads a pipe to its end, with pauses.
type pausingReader struct {
	text   transcript
	paused atomic.Bool
	ended  chan struct{}
}

func readPausing(t *testing.T, from, to *os.File) *pausingReader {
	t.Helper()
	r := &pausingReader{ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		buffer := make([]byte, 4<<10)
		for {
			n, err := from.Read(buffer)
			_, _ = r.text.Write(buffer[:n])
			if err != nil {
				return
			}
			for r.paused.Load() {
				time.Sleep(time.Millisecond)
			}
		}
	}()
	t.Cleanup(func() {
		_ = to.Close()
		<-r.ended
		_ = from.Close()
	})
	return r
}

func (r *pausingReader) pause()  { r.paused.Store(true) }
func (r *pausingReader) resume() { r.paused.Store(false) }
