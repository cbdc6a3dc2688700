package wal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/store/disk/disktest"
	"platform.internal/storekeeper/internal/store/wal"
)

// number is that of the last frame before a segment.
func number(t *testing.T, l *wal.Log, segment uint64) uint64 {
	t.Helper()
	errFirst := errors.New("first")
	var first uint64
	_, err := l.NewReader().Read(wal.Position{Segment: segment, Offset: wal.First().Offset}, func(f wal.Frame) error {
		first = f.Number
		return errFirst
	})
	if !errors.Is(err, errFirst) {
		t.Fatal(err)
	}
	return first - 1
}

func TestALostFrameRefusesTheStart(t *testing.T) {
	t.Parallel()
	whole := memory()
	l, _ := open(t, config(whole))
	var at []wal.Position
	for i := range 12 {
		position, err := l.Write(append(wal.NewFrame(nil), strings.Repeat(fmt.Sprint(i), 900)...))
		must(t, err)
		at = append(at, position)
	}
	for i, position := range at {
		for _, offset := range []int64{0, 5, 10, 20, 30, 42, 100, 700} {
			system := whole.Kill()
			name := fmt.Sprintf("%s/wal-%016x", folder, position.Segment)
			content := system.Read(name)
			content[position.Offset+offset] ^= 1
			system.Write(name, content)
			visited := 0
			damaged, err := wal.Open(config(system), wal.Start{}, nil, func(wal.Frame) error {
				visited++
				return nil
			})
			switch {
			case i == len(at)-1 && (err != nil || visited != i):
				t.Errorf("a torn last frame: %d frames, %v", visited, err)
			case i < len(at)-1 && !wal.IsLost(err):
				t.Errorf("frame %d, byte %d: %v", i, offset, err)
			}
			if err == nil {
				must(t, damaged.Close())
			}
		}
	}
	for segment := uint64(1); segment < l.End().Segment; segment++ {
		system := whole.Kill()
		must(t, system.Remove(fmt.Sprintf("%s/wal-%016x", folder, segment)))
		if _, err := wal.Open(config(system), wal.Start{}, nil, nil); !wal.IsLost(err) {
			t.Errorf("without segment %d: %v", segment, err)
		}
	}
}

func TestACrashAtAnyByteOfTheLastFrameIsNoLoss(t *testing.T) {
	t.Parallel()
	whole := memory()
	l, _ := open(t, config(whole))
	must(t, write(l, "first"))
	must(t, write(l, "second"))
	end := l.End()
	must(t, write(l, strings.Repeat("third", 300)))
	name := folder + "/wal-0000000000000001"
	content := whole.Read(name)
	for cut := end.Offset; cut < l.End().Offset; cut += 7 {
		system := whole.Kill()
		torn := bytes.Clone(content)
		clear(torn[cut:])
		system.Write(name, torn)
		again, got := open(t, config(system))
		if len(got) < 2 || len(got) == 3 && cut < end.Offset+1500 {
			t.Fatalf("cut at %d: %d frames", cut-end.Offset, len(got))
		}
		must(t, write(again, "after"))
		must(t, again.Close())
		if _, got = open(t, config(system)); got[len(got)-1] != "after" {
			t.Fatalf("cut at %d: the last frame is %q", cut-end.Offset, got[len(got)-1])
		}
	}
}

// TestAFailingDiskIsNoLoss writes with random faults, simulates a power loss, and checks the
// acknowledged frames.
func TestAFailingDiskIsNoLoss(t *testing.T) {
	t.Parallel()
	for range 300 {
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 1))
		system := memory()
		var acknowledged []string
		for life := range 3 {
			system.Set(nil)
			l, got := open(t, config(system))
			if !within(acknowledged, got) {
				t.Fatalf("seed %d, life %d: %d frames of %d", seed, life, len(got), len(acknowledged))
			}
			acknowledged = got
			system.Set(func(op, _ string) error {
				if op != "read" && random.IntN(12) == 0 {
					return []error{syscall.EIO, disktest.ErrHalf}[random.IntN(2)]
				}
				return nil
			})
			for i := range 25 {
				content := fmt.Sprint(life, text(random.IntN(40)), i)
				if write(l, content) == nil {
					acknowledged = append(acknowledged, content)
				}
				if random.IntN(5) == 0 {
					_ = makeSpare(l) // the next call retries
				}
			}
			system.Set(nil)
			left := system.Crash(random)
			must(t, l.Close())
			system = left
		}
	}
}

// within reports whether all acknowledged frames are present, in order, with at most one further
// frame.
func within(acknowledged, got []string) bool {
	return len(got) >= len(acknowledged) && len(got) <= len(acknowledged)+1 && slices.Equal(got[:len(acknowledged)], acknowledged)
}

// FuzzOpen opens logs that anybody may have written.
func FuzzOpen(f *testing.F) {
	system := memory()
	l, err := wal.Open(config(system), wal.Start{}, nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, content := range []string{"one", strings.Repeat("two", 400), "three"} {
		if err := write(l, content); err != nil {
			f.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		f.Fatal(err)
	}
	name := folder + "/wal-0000000000000001"
	whole := system.Read(name)
	f.Add(uint16(0), []byte{})
	f.Add(uint16(512), []byte("\xf5SKW\xff\xff\xff\xff"))
	f.Add(uint16(600), []byte("x"))
	f.Add(uint16(2048), whole[512:1024])
	f.Fuzz(func(t *testing.T, at uint16, change []byte) {
		content := bytes.Clone(whole)
		copy(content[int(at)%len(content):], change)
		system := memory()
		system.Write(name, content)
		var got []string
		l, err := wal.Open(config(system), wal.Start{}, nil, func(f wal.Frame) error {
			got = append(got, string(f.Content))
			return nil
		})
		if err != nil {
			return
		}
		defer func() { _ = l.Close() }()
		for i, want := range []string{"one", strings.Repeat("two", 400), "three"}[:len(got)] {
			if got[i] != want {
				t.Fatalf("frame %d is %q", i, got[i])
			}
		}
	})
}

// TestSegmentsAreMadeAndGivenUpBesideWrites has a slow disk, so that a spare is taken
// into use while older segments are given up.
func TestSegmentsAreMadeAndGivenUpBesideWrites(t *testing.T) {
	t.Parallel()
	for range 20 {
		system := memory()
		l, _ := open(t, config(system))
		system.Set(func(op, _ string) error {
			if op == "rename" || op == "sync" || op == "open" {
				time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
			}
			return nil
		})
		done, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			for {
				select {
				case <-done:
					return
				default:
				}
				err := makeSpare(l)
				for err == nil && l.Oldest()+2 < l.End().Segment {
					err = l.Remove(l.Oldest())
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		}()
		for i := range 60 {
			must(t, write(l, fmt.Sprint(i, strings.Repeat("x", 2000))))
		}
		close(done)
		<-ended
		must(t, l.Check())
		at := wal.Start{Segment: l.Oldest(), Number: number(t, l, l.Oldest())}
		must(t, l.Close())
		system.Set(nil)
		last := ""
		l, err := wal.Open(config(system), at, nil, func(f wal.Frame) error {
			last = string(f.Content[:2])
			return nil
		})
		must(t, err)
		must(t, l.Close())
		if last != "59" {
			t.Fatalf("the last frame is %q", last)
		}
	}
}
