package wal_test

import (
	"slices"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/store/disk/disktest"
)

// TestTheSpareIsFilledInProportionToTheUse fills a first segment of 1 MiB, whose spare has 2 MiB.
func TestTheSpareIsFilledInProportionToTheUse(t *testing.T) {
	t.Parallel()
	const current, size, page, frame = 1 << 20, 2 << 20, 4 << 10, 32 << 10
	system := memory()
	zeros := 0
	system.Set(func(op, name string) error {
		if op == "write" && name == "filling" {
			zeros += page
		}
		return nil
	})
	c := config(system)
	c.SegmentSize = 64 << 20
	l, _ := open(t, c)
	for written := frame; written < current-frame; written += frame {
		must(t, write(l, strings.Repeat("x", frame-64)))
		before := zeros
		_, err := l.MakeSpare()
		must(t, err)
		if step := zeros - before; step > 1<<20 {
			t.Fatalf("one call wrote %d bytes of zeros", step)
		}
		must(t, makeSpare(l))
		most := min(size, size*4/3*written/current+size/64)
		least := min(size, size*written/current)
		if written < current/8 {
			most, least = 0, 0
		}
		if zeros > most || zeros < least {
			t.Fatalf("after %d bytes of frames, the spare has %d bytes, want %d to %d", written, zeros, least, most)
		}
		if complete := written >= current*3/4; has(system, "spare") != complete && written != current*3/4-frame {
			t.Fatalf("after %d bytes of frames, a complete spare: %v", written, !complete)
		}
	}
	if has(system, "filling") {
		t.Error("the file that was filled is still there")
	}
}

func TestASpareThatAnEarlierProcessDidNotFillIsRemoved(t *testing.T) {
	t.Parallel()
	system := memory()
	system.Write(folder+"/filling", []byte("left"))
	l, _ := open(t, config(system))
	must(t, l.Close())
	if has(system, "filling") {
		t.Error("the file is still there")
	}
}

func has(system *disktest.FS, name string) bool {
	names, _ := system.Names(folder)
	return slices.Contains(names, name)
}
