package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"platform.internal/storekeeper/internal/audit"
)

// chainOf writes a file with n intents and returns its content.
func chainOf(t *testing.T, p string, key []byte, n int) []byte {
	t.Helper()
	j := openFile(t, audit.FileConfig{Path: p, Key: key})
	for i := range n {
		mustAppend(t, j, intent(fmt.Sprint(i+1)))
	}
	mustClose(t, j)
	content, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, p string, content []byte) {
	t.Helper()
	if err := os.WriteFile(p, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAChainGoesOnAfterARestart(t *testing.T) {
	p := path(t)
	chainOf(t, p, key, 1)
	chainOf(t, p, key, 1)
	want := []string{"1 start", "2 intent 1", "3 start", "4 intent 1"}
	if got := said(t, p); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	verified(t, key, p)
}

func TestATornLastLineIsRemovedAtTheStart(t *testing.T) {
	p := path(t)
	whole := chainOf(t, p, nil, 1)
	// The last line of a chain that went on by one, in every length.
	longer := filepath.Join(t.TempDir(), "audit.log")
	write(t, longer, whole)
	head, _ := os.ReadFile(p + ".head")
	write(t, longer+".head", head)
	torn := chainOf(t, longer, nil, 1)
	line := bytes.SplitAfter(torn[len(whole):], []byte("\n"))[0]
	for n := 1; n < len(line); n += 7 {
		write(t, p, torn[:len(whole)+n])
		write(t, p+".head", head)
		mustClose(t, openFile(t, audit.FileConfig{Path: p}))
		want := []string{"1 start", "2 intent 1", "3 recovered torn_tail", "4 start"}
		if got := said(t, p); !slices.Equal(got, want) {
			t.Fatalf("%d bytes: got %q", n, got)
		}
		verified(t, nil, p)
	}
}

func TestAMovedFileIsContinuedAfterARestart(t *testing.T) {
	p := path(t)
	chainOf(t, p, key, 1)
	if err := os.Rename(p, p+".1"); err != nil {
		t.Fatal(err)
	}
	chainOf(t, p, key, 1)
	want := []string{"3 recovered file_lost", "4 start", "5 intent 1"}
	if got := said(t, p); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	verified(t, key, p+".1", p)
	if first := verified(t, key, p).First.Seq; first != 3 {
		t.Errorf("the report says that the file begins with record %d", first)
	}
}

func TestAStartIsRefused(t *testing.T) {
	lines := func(content []byte) [][]byte { return bytes.SplitAfter(content, []byte("\n")) }
	cases := []struct {
		name   string
		change func(t *testing.T, p string, content []byte)
		key    []byte
		says   string
	}{
		{"where a byte was changed", func(t *testing.T, p string, content []byte) {
			write(t, p, bytes.Replace(content, []byte(`"id":"2"`), []byte(`"id":"7"`), 1))
		}, key, "line 3 (record 3): its hash is not that of its content"},
		{"where a line was removed", func(t *testing.T, p string, content []byte) {
			write(t, p, bytes.Join(slices.Delete(lines(content), 2, 3), nil))
		}, key, "line 3 (record 4): it comes after record 2"},
		{"where the first line was removed", func(t *testing.T, p string, content []byte) {
			write(t, p, bytes.Join(lines(content)[1:], nil))
		}, key, "line 1 (record 2): no file begins with it"},
		{"where the last line was removed", func(t *testing.T, p string, content []byte) {
			write(t, p, bytes.Join(lines(content)[:3], nil))
		}, key, "it ends with record 3, and its head names record 4"},
		{"where something is in the file that is no record", func(t *testing.T, p string, content []byte) {
			write(t, p, append(content, "hello\n"...))
		}, key, "line 5 (record 0): not a record"},
		{"where a line is longer than any record", func(t *testing.T, p string, content []byte) {
			write(t, p, append(append(content, make([]byte, 2<<20)...), '\n'))
		}, key, "line 5 (record 0): not a record"},
		{"without the key", func(*testing.T, string, []byte) {}, nil, "not made with this key"},
		{"with another key", func(*testing.T, string, []byte) {}, []byte("another"), "not made with this key"},
		{"without a head", func(t *testing.T, p string, _ []byte) {
			if err := os.Remove(p + ".head"); err != nil {
				t.Fatal(err)
			}
		}, key, "audit.log.head: it is missing"},
		{"with a head that was changed", func(t *testing.T, p string, _ []byte) {
			head, _ := os.ReadFile(p + ".head")
			write(t, p+".head", bytes.ToUpper(head))
		}, key, "not a head"},
		{"with the head of another chain", func(t *testing.T, p string, _ []byte) {
			other := path(t)
			chainOf(t, other, key, 3)
			head, _ := os.ReadFile(other + ".head")
			write(t, p+".head", head)
		}, key, "its head belongs to another chain"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := path(t)
			c.change(t, p, chainOf(t, p, key, 3))
			_, err := audit.OpenFile(t.Context(), audit.FileConfig{Path: p, Key: c.key})
			if !errors.Is(err, audit.ErrBroken) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "move "+p) {
				t.Fatalf("got %v", err)
			}
			// The way out that the error names.
			for _, name := range []string{p, p + ".head"} {
				if err := os.Rename(name, name+".old"); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
			}
			mustClose(t, openFile(t, audit.FileConfig{Path: p, Key: c.key}))
		})
	}
}

func TestAChainWithoutAKeyIsNotGoneOnWithOne(t *testing.T) {
	p := path(t)
	chainOf(t, p, nil, 1)
	if _, err := audit.OpenFile(t.Context(), audit.FileConfig{Path: p, Key: key}); !errors.Is(err, audit.ErrBroken) {
		t.Errorf("got %v", err)
	}
}

func TestAFileThatEveryoneCanReadIsRefused(t *testing.T) {
	for mode, refused := range map[os.FileMode]bool{0o644: true, 0o602: true, 0o660: false, 0o400 | 0o200: false} {
		p := path(t)
		chainOf(t, p, nil, 1)
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
		j, err := audit.OpenFile(t.Context(), audit.FileConfig{Path: p})
		if (err != nil) != refused {
			t.Errorf("%04o: %v", mode, err)
		}
		if err == nil {
			mustClose(t, j)
		}
	}
}

func TestAnEmptyFileIsMadePrivate(t *testing.T) {
	p := path(t)
	if err := os.WriteFile(p, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	mustClose(t, openFile(t, audit.FileConfig{Path: p}))
	if info, err := os.Stat(p); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestTwoCannotWriteOneFile(t *testing.T) {
	p := path(t)
	j := openFile(t, audit.FileConfig{Path: p})
	if _, err := audit.OpenFile(t.Context(), audit.FileConfig{Path: p}); !errors.Is(err, audit.ErrLocked) {
		t.Errorf("got %v", err)
	}
	mustAppend(t, j, intent("1"))
	mustClose(t, j)
	mustClose(t, openFile(t, audit.FileConfig{Path: p}))
}

func TestAPipeIsNoAuditFile(t *testing.T) {
	p := path(t)
	if err := syscall.Mkfifo(p, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.OpenFile(t.Context(), audit.FileConfig{Path: p}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %v", err)
	}
}

func TestAStartThatCannotWriteFails(t *testing.T) {
	for _, operation := range []string{"open", "stat", "write", "sync", "writeat", "syncdir"} {
		system := newFaultFS()
		system.set(failing(syscall.EIO, operation))
		if _, err := audit.OpenFile(t.Context(), audit.FileConfig{Path: path(t), FS: system}); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", operation, err)
		}
	}
}
