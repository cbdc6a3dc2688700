package wal_test

import (
	"bytes"
	"encoding/hex"
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

const folder = "/log"

func config(system *disktest.FS) wal.Config {
	return wal.Config{FS: system, Folder: folder, Store: [16]byte{1, 2, 3}, Key: []byte("the key of the log"), SegmentSize: 8 << 10}
}

func memory() *disktest.FS { return disktest.New(folder) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open returns a log and the contents of its frames.
func open(t *testing.T, c wal.Config) (*wal.Log, []string) {
	t.Helper()
	var contents []string
	l, err := wal.Open(c, wal.Start{}, nil, func(f wal.Frame) error {
		contents = append(contents, string(f.Content))
		return nil
	})
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l, contents
}

func write(l *wal.Log, content string) error {
	_, err := l.Write(append(wal.NewFrame(nil), content...))
	return err
}

func text(i int) string { return fmt.Sprint(i, " ", strings.Repeat("x", i*37%1500)) }

func TestFramesAreVisitedInOrder(t *testing.T) {
	t.Parallel()
	system := memory()
	var want []string
	for life := range 4 {
		l, got := open(t, config(system))
		if !slices.Equal(got, want) {
			t.Fatalf("life %d visits %d frames of %d", life, len(got), len(want))
		}
		for i := range 20 {
			want = append(want, text(100*life+i))
			must(t, write(l, want[len(want)-1]))
			if i == 10 {
				must(t, l.MakeSpare())
			}
		}
		var read []string
		end, err := l.NewReader().Read(wal.First(), func(f wal.Frame) error {
			read = append(read, string(f.Content))
			return nil
		})
		if err != nil || end != l.End() || !slices.Equal(read, want) {
			t.Fatalf("a reader read %d frames of %d, up to %v of %v: %v", len(read), len(want), end, l.End(), err)
		}
		must(t, l.Close())
	}
}

// TestTheFormatOfAFrame fails if the format changes. In that case, wal.Format must change too.
func TestTheFormatOfAFrame(t *testing.T) {
	t.Parallel()
	system := memory()
	l, _ := open(t, config(system))
	must(t, write(l, "content"))
	content := system.Read(folder + "/wal-0000000000000001")
	want := map[int]string{
		0: "534b57414c534547" + "01000000" + "00000000" + "01020300000000000000000000000000" +
			"0100000000000000" + "0000000000000000" + "0020000000000000",
		512: "f5534b57" + "07000000" + "0100000000000000" + "0000000000000000",
		560: hex.EncodeToString([]byte("content")) + "00",
	}
	for at, digits := range want {
		if got := hex.EncodeToString(content[at:][:len(digits)/2]); got != digits {
			t.Errorf("at byte %d stands %s, want %s", at, got, digits)
		}
	}
	const sealed = "dc90f7230bf58d8c9d16fd57bce138d07920b3dd00000000"
	if got := hex.EncodeToString(content[536:560]); got != sealed {
		t.Errorf("the seal is %s, want %s", got, sealed)
	}
}

func TestALargeFrameGetsASegmentOfItsOwn(t *testing.T) {
	t.Parallel()
	system := memory()
	l, _ := open(t, config(system))
	must(t, l.MakeSpare())
	large := strings.Repeat("large", 50_000)
	for _, content := range []string{"a", large, "b"} {
		must(t, write(l, content))
	}
	must(t, l.Close())
	if _, got := open(t, config(system)); !slices.Equal(got, []string{"a", large, "b"}) {
		t.Fatalf("%d frames came back", len(got))
	}
}

func TestWhatIsLeftOfASegmentIsNotTakenForFrames(t *testing.T) {
	t.Parallel()
	system := memory()
	l, _ := open(t, config(system))
	for i := range 60 {
		must(t, write(l, strings.Repeat("first use ", 60)+fmt.Sprint(i)))
		must(t, l.MakeSpare())
		for l.Oldest()+1 < l.End().Segment {
			must(t, l.Remove(l.Oldest()))
		}
	}
	if l.Size() > 4*8<<10 {
		t.Errorf("the log has %d bytes", l.Size())
	}
	// Each start needs the start position, which the owner of the log records.
	at := wal.Start{Segment: l.Oldest(), Number: number(t, l, l.Oldest())}
	last := l.Number()
	must(t, l.Close())
	seen := uint64(0)
	l, err := wal.Open(config(system), at, nil, func(f wal.Frame) error {
		seen = f.Number
		return nil
	})
	must(t, err)
	defer func() { _ = l.Close() }()
	if seen != last {
		t.Errorf("the last frame is %d, want %d", seen, last)
	}
}

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
					_ = l.MakeSpare() // the next call retries
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
				err := l.MakeSpare()
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
