package audit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestAFileIsFoundAtItsPath holds both ways to look against the same cases: the
// second is for systems where the first is not to be had.
func TestAFileIsFoundAtItsPath(t *testing.T) {
	cases := []struct {
		name string
		hurt func(p string) error
		size int64
		here bool
		err  error
	}{
		{"untouched", func(string) error { return nil }, 4, true, nil},
		{"grown", func(p string) error { return os.Truncate(p, 9) }, 9, true, nil},
		{"behind a link", func(p string) error { return errors.Join(os.Rename(p, p+".1"), os.Symlink(p+".1", p)) }, 4, true, nil},
		{"renamed", func(p string) error { return os.Rename(p, p+".1") }, 0, false, fs.ErrNotExist},
		{"removed", os.Remove, 0, false, fs.ErrNotExist},
		{"replaced by one of equal content", func(p string) error {
			return errors.Join(os.WriteFile(p+".1", []byte("1234"), 0o600), os.Rename(p+".1", p))
		}, 4, false, nil},
	}
	for _, c := range cases {
		for way, look := range map[string]func(string, fs.FileInfo) (int64, bool, error){"": isAt, ", plainly": isAtPlain} {
			t.Run(c.name+way, func(t *testing.T) {
				p := filepath.Join(t.TempDir(), "file")
				if err := os.WriteFile(p, []byte("1234"), 0o600); err != nil {
					t.Fatal(err)
				}
				f, err := OS().OpenFile(p, os.O_RDWR, 0)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = f.Close() })
				info, err := f.Stat()
				if err != nil {
					t.Fatal(err)
				}
				if err := c.hurt(p); err != nil {
					t.Fatal(err)
				}
				size, here, err := look(p, info)
				if here != c.here || here && size != c.size || !errors.Is(err, c.err) {
					t.Errorf("got %d, %t, %v", size, here, err)
				}
			})
		}
	}
}
