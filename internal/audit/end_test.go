package audit_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// countingReader counts the bytes that are read.
type countingReader struct {
	io.ReaderAt

	read int
}

func (c *countingReader) ReadAt(into []byte, at int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(into, at)
	c.read += n
	return n, err
}

// grown returns a trail of at least size bytes and the chain.
func grown(t *testing.T, size int) ([]byte, *audit.Chain) {
	t.Helper()
	chain := audit.NewChain(key, audit.NewOrigin(key), audit.Place{})
	text := chain.AppendOwn(nil, audit.KindStart, "", time.Now())
	r := intent("x")
	r.Caller, r.Store.Name = strings.Repeat("c", 400), strings.Repeat("s", 400)
	for len(text) < size {
		var err error
		text, err = chain.Append(text, r, time.Now())
		must(t, err)
	}
	return text, chain
}

func TestWhatAStartReadsDoesNotGrowWithTheTrail(t *testing.T) {
	const most = 512 << 10
	for _, size := range []int{1 << 20, 16 << 20} {
		text, chain := grown(t, size)
		count := &countingReader{ReaderAt: bytes.NewReader(text)}
		end, err := audit.CheckEnd(t.Context(), audit.Opened{File: count, Size: int64(len(text)), Path: "audit.log", Key: key}, chain.At(), chain.Origin())
		if err != nil || end != (audit.End{Last: chain.At(), Size: int64(len(text))}) {
			t.Errorf("%+v, %v", end, err)
		}
		if count.read == 0 || count.read > most {
			t.Errorf("with a trail of %d MiB a start reads %d bytes", size>>20, count.read)
		}
	}
}

func TestAStartFindsWhatIsWrongAtTheEndOfALongTrail(t *testing.T) {
	whole, chain := grown(t, 1<<20)
	check := func(text []byte) (audit.End, error) {
		return audit.CheckEnd(t.Context(), audit.Opened{File: bytes.NewReader(text), Size: int64(len(text)), Path: "audit.log", Key: key}, chain.At(), chain.Origin())
	}
	for name, change := range map[string]func() []byte{
		"a byte of the last line": func() []byte { c := slices.Clone(whole); c[len(c)-300] ^= 1; return c },
		"the last line is gone": func() []byte {
			return whole[:bytes.LastIndexByte(whole[:len(whole)-1], '\n')+1]
		},
		"something behind": func() []byte { return append(slices.Clone(whole), "hello\n"...) },
	} {
		if _, err := check(change()); !errors.Is(err, audit.ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A crash may leave a part of a line.
	torn := `{"seq":`
	want := audit.End{Last: chain.At(), Size: int64(len(whole)), Torn: int64(len(torn))}
	if end, err := check(append(slices.Clone(whole), torn...)); err != nil || end != want {
		t.Errorf("%+v, %v, want %+v", end, err, want)
	}
}
