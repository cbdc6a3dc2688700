package file_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store/disk/disktest"
	"platform.internal/storekeeper/internal/store/file"
)

func keyOf(text string) func(string, bool) ([]byte, error) {
	return func(string, bool) ([]byte, error) { return []byte(text), nil }
}

// kept makes a store with some records and lines, as after a stop or a kill of the process.
func kept(t *testing.T, stopped bool) *disktest.FS {
	t.Helper()
	system := memory()
	c := onMemory(system)
	c.Key = keyOf("right")
	c.Trail.RotateSize = 0
	s := open(t, c)
	for _, key := range []string{"a", "b", "c", "d"} {
		must(t, put(t, s, key, strings.Repeat(key, 700), time.Time{}))
	}
	left := system.Kill()
	must(t, s.Close())
	if stopped {
		return system.Kill()
	}
	return left
}

const firstSegment = memFolder + "/wal-0000000000000001"

// flip changes the last byte of a text in a file.
func flip(t *testing.T, system *disktest.FS, path, text string) {
	t.Helper()
	content := system.Read(path)
	at := bytes.LastIndex(content, []byte(text))
	if at < 0 {
		t.Fatalf("%s does not hold %q", path, text)
	}
	content[at+len(text)-1] ^= 1
	system.Write(path, content)
}

// frames returns the offsets of the frames in a segment.
func frames(content []byte) (at []int) {
	for i := 512; i < len(content); i += 512 {
		if bytes.HasPrefix(content[i:], []byte("\xf5SKW")) {
			at = append(at, i)
		}
	}
	return at
}

func TestAStartSaysWhatIsWrongAndChangesNothing(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		hurt  func(t *testing.T, system *disktest.FS)
		key   string
		says  string
		wraps error
	}{
		{"another key", nil, "wrong", "another key", nil},
		{"the identity is gone", func(t *testing.T, s *disktest.FS) { must(t, s.Remove(memFolder+"/store")) }, "", "store: it is missing, and there is wal-", nil},
		{"the identity is damaged", func(t *testing.T, s *disktest.FS) {
			flip(t, s, memFolder+"/store", "SKSTORE\n\x02\x00\x00\x00\x00\x00\x00\x00")
		}, "", "damaged", nil},
		{"a later format", func(t *testing.T, s *disktest.FS) { flip(t, s, memFolder+"/store", "SKSTORE\n\x02") }, "", "format version 3, and this build reads 2", nil},
		{"a later format of the log", func(t *testing.T, s *disktest.FS) { flip(t, s, firstSegment, "SKWALSEG\x01") }, "", "format version 0, and this build reads 1", nil},
		{"the log is gone", func(t *testing.T, s *disktest.FS) { must(t, s.Remove(firstSegment)) }, "", "wal-0000000000000001 is missing", nil},
		{"the log is cut", func(_ *testing.T, s *disktest.FS) { s.Write(firstSegment, s.Read(firstSegment)[:2048]) }, "", "cut off", nil},
		{"the log is empty", func(_ *testing.T, s *disktest.FS) { s.Write(firstSegment, nil) }, "", "does not begin as a segment", nil},
		{"a frame in the middle is damaged", func(t *testing.T, s *disktest.FS) { flip(t, s, firstSegment, strings.Repeat("b", 700)) }, "", "cannot be read", nil},
		{"the last frame is damaged", func(_ *testing.T, s *disktest.FS) {
			content := s.Read(firstSegment)
			at := frames(content)
			content[at[len(at)-1]+60] ^= 1
			s.Write(firstSegment, content)
		}, "", "was durable", nil},
		{"the tail of the log is lost", func(_ *testing.T, s *disktest.FS) {
			content := s.Read(firstSegment)
			at := frames(content)
			clear(content[at[len(at)-2]:])
			s.Write(firstSegment, content)
		}, "", "was durable", nil},
		{"the trail is cut with its head", func(t *testing.T, s *disktest.FS) {
			s.Write(memTrail, s.Read(memTrail)[:300])
			must(t, s.Remove(memTrail+".head"))
		}, "", "it is missing, but the audit file holds records", audit.ErrBroken},
		{"a line of the trail is changed", func(t *testing.T, s *disktest.FS) { flip(t, s, memTrail, `"kind":"start`) }, "", "audit.log", audit.ErrBroken},
		{"the trail is another one", func(_ *testing.T, s *disktest.FS) { s.Write(memTrail, []byte("{}\n")) }, "", "audit.log", audit.ErrBroken},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			system := kept(t, true)
			if c.hurt != nil {
				c.hurt(t, system)
			}
			before := system.Kill()
			config := onMemory(system)
			if config.Key = keyOf("right"); c.key != "" {
				config.Key = keyOf(c.key)
			}
			s, err := file.Open(t.Context(), config)
			if err == nil {
				t.Fatal(errors.Join(errors.New("it started"), s.Close()))
			}
			if !strings.Contains(err.Error(), c.says) || c.wraps != nil && !errors.Is(err, c.wraps) {
				t.Errorf("the error is %v; want %q", err, c.says)
			}
			if c.wraps == nil && !strings.Contains(err.Error(), "docs/state.md") {
				t.Errorf("the error names no way out: %v", err)
			}
			for _, path := range []string{firstSegment, memFolder + "/store", memTrail} {
				if !bytes.Equal(before.Read(path), system.Read(path)) {
					t.Errorf("%s was changed", path)
				}
			}
		})
	}
}

func TestATornLastFrameIsNoLoss(t *testing.T) {
	t.Parallel()
	system := kept(t, false)
	content := system.Read(firstSegment)
	at := frames(content)
	last := at[len(at)-1]
	end := last + len(bytes.TrimRight(content[last:], "\x00"))
	// The witness was not synced, so an older witness survives a power loss.
	identity := system.Read(memFolder + "/store")
	clear(identity[512:])
	for cut := last; cut < end; cut += 37 {
		torn := system.Kill()
		text := bytes.Clone(content)
		clear(text[cut:])
		torn.Write(firstSegment, text)
		torn.Write(memFolder+"/store", identity)
		torn.Write(memTrail, nil) // the trail is written from the log
		torn.Write(memTrail+".head", nil)
		config := onMemory(torn)
		config.Key = keyOf("right")
		s, err := file.Open(t.Context(), config)
		if err != nil {
			t.Fatalf("cut at byte %d of the frame: %v", cut-last, err)
		}
		want(t, s, "c", strings.Repeat("c", 700))
		want(t, s, "d", "")
		must(t, s.Close())
	}
}

func TestAFileOfTheFirstEditionIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	// The first page of a bbolt database: the page header and the magic number.
	page := append(make([]byte, 16), 0xED, 0xDA, 0x0C, 0xED)
	must(t, os.WriteFile(p.folder, append(page, make([]byte, 4076)...), 0o600))
	_, err := file.Open(t.Context(), p.config())
	if err == nil || !strings.Contains(err.Error(), "an earlier build wrote") {
		t.Fatalf("got %v", err)
	}
	must(t, os.WriteFile(p.folder, []byte("something else"), 0o600))
	if _, err = file.Open(t.Context(), p.config()); err == nil || !strings.Contains(err.Error(), "it is a file") {
		t.Fatalf("got %v", err)
	}
}

func TestOneProcessHoldsAStore(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := open(t, p.config())
	if _, err := file.Open(t.Context(), p.config()); !errors.Is(err, file.ErrLocked) {
		t.Fatalf("got %v", err)
	}
	other := p.config()
	other.Folder += "2"
	if _, err := file.Open(t.Context(), other); !errors.Is(err, audit.ErrLocked) {
		t.Fatalf("another state with the same trail: %v", err)
	}
	must(t, s.Close())
	must(t, open(t, p.config()).Close())
}
