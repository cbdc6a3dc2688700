package wal_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

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

// makeSpare fills the next segment as far as it is due.
func makeSpare(l *wal.Log) error {
	for {
		if more, err := l.MakeSpare(); !more || err != nil {
			return err
		}
	}
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
				must(t, makeSpare(l))
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
	must(t, makeSpare(l))
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
		must(t, makeSpare(l))
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
