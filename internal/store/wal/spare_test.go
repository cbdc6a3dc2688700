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
	const current, size, step, page, frame = 1 << 20, 2 << 20, 1 << 20, 4 << 10, 32 << 10
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
		if filled := zeros - before; filled != 0 && filled != step {
			t.Fatalf("one call wrote %d bytes of zeros", filled)
		}
		must(t, makeSpare(l))
		most := min(size, size*4/3*written/current+size/64)
		least := size * written / current / step * step
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

// TestAnIncompleteSpareCountsInTheSizeOfTheLog has segments of 1 and 2 MiB, and a log of 3.5 MiB at most.
func TestAnIncompleteSpareCountsInTheSizeOfTheLog(t *testing.T) {
	t.Parallel()
	const frame, most = 32 << 10, 7 << 19
	c := config(memory())
	c.SegmentSize, c.MaxSize = 64<<20, most
	l, _ := open(t, c)
	fill := func(bytes int) {
		for written := 0; written < bytes; written += frame {
			must(t, write(l, strings.Repeat("x", frame-64)))
		}
	}
	fill(256 << 10)
	must(t, makeSpare(l))
	fill(700 << 10)
	if l.Full() {
		t.Error("the log is full while its next segment is being filled")
	}
	fill(256 << 10) // into a segment that was made without a spare
	if l.Size() <= most {
		t.Fatalf("the log has %d bytes", l.Size())
	}
	must(t, makeSpare(l))
	if l.Size() > most {
		t.Errorf("the log keeps %d bytes, and may have %d", l.Size(), most)
	}
}
