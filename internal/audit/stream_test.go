package audit_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"platform.internal/storekeeper/internal/audit"
)

// tap is a writer that can be made to fail.
type tap struct {
	mu   sync.Mutex
	text bytes.Buffer
	to   io.Writer
	half bool
}

func (w *tap) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.to != nil:
		return w.to.Write(text)
	case w.half:
		n, _ := w.text.Write(text[:len(text)/2])
		return n, syscall.EPIPE
	}
	return w.text.Write(text)
}

func (w *tap) turn(half bool, to io.Writer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.half, w.to = half, to
}

func stream(t *testing.T, w io.Writer) *audit.Journal {
	t.Helper()
	j, err := audit.NewStream(audit.StreamConfig{Writer: w, MaxWait: loadWait})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// kept puts a captured stream into a file and returns what Verify says.
func kept(t *testing.T, text []byte) []audit.Problem {
	t.Helper()
	p := path(t)
	write(t, p, text)
	report, err := audit.Verify(t.Context(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return report.Problems
}

func TestAStreamIsAChainWithoutAHead(t *testing.T) {
	w := &tap{}
	j := stream(t, w)
	mustAppend(t, j, intent("1"))
	mustAppend(t, j, intent("2"))
	mustClose(t, j)
	problems := kept(t, w.text.Bytes())
	if len(problems) != 1 || !strings.HasSuffix(problems[0].File, ".head") {
		t.Errorf("%v", problems)
	}
}

func TestAStreamGoesOnOnALineOfItsOwn(t *testing.T) {
	w := &tap{}
	j := stream(t, w)
	w.turn(true, nil)
	if err := tried(t, j, slack, intent("1")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("got %v", err)
	}
	w.turn(false, nil)
	healthy(t, j)
	mustAppend(t, j, intent("2"))
	mustClose(t, j)
	lines := strings.Split(w.text.String(), "\n")
	at := slices.IndexFunc(lines, func(l string) bool {
		return strings.Contains(l, `"kind":"recovered","chain"`) && strings.HasSuffix(l, "}")
	})
	if at < 0 || !strings.HasPrefix(lines[at], `{"seq":2,`) || !strings.Contains(lines[at+1], `"id":"2"`) {
		t.Errorf("%s", w.text.String())
	}
}

func TestAStreamNeedsAWriter(t *testing.T) {
	if _, err := audit.NewStream(audit.StreamConfig{}); err == nil {
		t.Error("it started")
	}
}

// full opens the device that is always full.
func full(t *testing.T) *os.File {
	t.Helper()
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full:", err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestAStreamToAFullDeviceIsRefused(t *testing.T) {
	device := full(t)
	if _, err := audit.NewStream(audit.StreamConfig{Writer: device}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a start gives %v", err)
	}
	w := &tap{}
	l := newLog(t, stream(t, w))
	w.turn(false, device)
	if err := l.Intent(t.Context(), audit.Record{ID: "1"}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
	w.turn(false, nil)
	healthy(t, l)
	if err := l.Intent(t.Context(), audit.Record{ID: "2"}); err != nil {
		t.Error(err)
	}
	mustClose(t, l)
}

func TestAFileOnAFullDeviceIsRefused(t *testing.T) {
	device := full(t)
	p, system := path(t), newFaultFS()
	l := newLog(t, openFile(t, audit.FileConfig{Path: p, FS: system}))
	system.set(func(op, _ string) error {
		if op != "write" {
			return nil
		}
		_, err := device.WriteString("x")
		return err
	})
	if err := l.Intent(t.Context(), audit.Record{ID: "1"}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
	system.set(nil)
	healthy(t, l)
	mustClose(t, l)
	verified(t, nil, p)
}

// TestAPipeThatNobodyReadsRefusesAndComesBack hangs a real write: that to a
// pipe whose memory is used up.
func TestAPipeThatNobodyReadsRefusesAndComesBack(t *testing.T) {
	p := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(p, 0o600); err != nil {
		t.Fatal(err)
	}
	// Opens without anybody at the other end.
	reader, err := os.OpenFile(p, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	writer, err := os.OpenFile(p, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	j := stream(t, writer)
	l := newLog(t, j)
	work := startLoad(t, l)
	work.refusals(t)
	ill(t, j)
	var text bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = text.ReadFrom(reader)
	}()
	work.progress(t)
	healthy(t, l)
	work.stop()
	mustClose(t, l)
	mustClose(t, writer)
	<-read
	file := filepath.Join(t.TempDir(), "captured")
	write(t, file, text.Bytes())
	work.complete(t, file)
	if problems := kept(t, text.Bytes()); len(problems) != 1 {
		t.Errorf("%v", problems)
	}
}
