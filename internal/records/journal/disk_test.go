package journal_test

import (
	"bytes"
	"errors"
	"io"
	"path"
	"testing"

	"platform.internal/storekeeper/internal/records/journal"
)

var (
	errFull = errors.New("no space is left in the test")
	errSync = errors.New("the disk of the test is ill")
)

// disk is two files in memory, which can fail and be looked at as after a
// crash.
type disk struct {
	files [2]file
	// room is how many more bytes can be written, where full is set.
	full bool
	room int
	// ill makes syncs fail, after which what was written is there all the same.
	ill bool
}

type file struct {
	*disk

	text []byte
}

func (d *disk) open(name string) (journal.File, error) {
	for i, suffix := range journal.Suffixes() {
		if path.Ext(name) == suffix {
			d.files[i].disk = d
			return &d.files[i], nil
		}
	}
	return nil, errors.New("unknown file " + name)
}

func (f *file) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(f.text).ReadAt(p, at)
}

func (f *file) WriteAt(p []byte, at int64) (n int, err error) {
	if f.full && f.room < len(p) {
		p, err = p[:f.room], errFull
	}
	if f.full {
		f.room -= len(p)
	}
	if need := int(at) + len(p); need > len(f.text) {
		f.text = append(f.text, make([]byte, need-len(f.text))...)
	}
	return copy(f.text[at:], p), err
}

func (f *file) Sync() error {
	if f.ill {
		return errSync
	}
	return nil
}

func (f *file) Truncate(size int64) error {
	f.text = f.text[:size]
	return nil
}

func (f *file) Size() (int64, error) { return int64(len(f.text)), nil }

func (f *file) Close() error { return nil }

var _ io.ReaderAt = (*file)(nil)

// reopen reads what a crash would leave.
func (d *disk) reopen(applied uint64) (*journal.Journal, []string, error) {
	j, contents, err := journal.Open(journal.Config{Path: "journal", Key: []byte("key"), Applied: applied, Open: d.open})
	texts := make([]string, len(contents))
	for i, c := range contents {
		texts[i] = string(c)
	}
	return j, texts, err
}

func (d *disk) begin(t *testing.T) *journal.Journal {
	t.Helper()
	j, found, err := d.reopen(0)
	if err != nil || len(found) != 0 {
		t.Fatal(found, err)
	}
	return j
}

func write(j *journal.Journal, texts ...string) error {
	for _, text := range texts {
		if err := j.Write(append(j.Frame(), text...)); err != nil {
			return err
		}
	}
	return nil
}

func mustWrite(t *testing.T, j *journal.Journal, texts ...string) {
	t.Helper()
	if err := write(j, texts...); err != nil {
		t.Fatal(err)
	}
}
