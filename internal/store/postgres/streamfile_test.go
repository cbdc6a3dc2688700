//go:build unix

package postgres_test

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"platform.internal/storekeeper/internal/store/postgres"
)

// fullFile names a file in the environment of a child whose files are limited.
const fullFile = "STOREKEEPER_STREAM_FILE"

// TestStreamFileChild is the process in which a write ends in the middle of a line, as on a full disk.
func TestStreamFileChild(t *testing.T) {
	path := os.Getenv(fullFile)
	if path == "" {
		t.Skip("not the child")
	}
	signal.Ignore(syscall.SIGXFSZ)
	f := postgres.StreamFile{Path: path}
	defer func() { _ = f.Close() }()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	// The second write cannot even end the line that the first write cut off.
	const cut = 3
	for _, limit := range []uint64{cut, cut, before.Cur} {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: before.Max}); err != nil {
			t.Fatal(err)
		}
		n, err := f.Write([]byte("line 1\nline 2\n"))
		if (err == nil) != (limit != cut) {
			t.Fatalf("a limit of %d: %d bytes were written, %v", limit, n, err)
		}
	}
}

func TestALineAfterAFailedWriteIsWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "stream")
	child := exec.Command(os.Args[0], "-test.run", "^TestStreamFileChild$", "-test.v")
	child.Env = append(os.Environ(), fullFile+"="+path)
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The lines of the failed write come again.
	if string(text) != "lin\nline 1\nline 2\n" {
		t.Errorf("the file holds %q", text)
	}
}
