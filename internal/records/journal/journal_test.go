package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/records/journal"
)

// a and b are the two files.
const (
	a = iota
	b
)

// TestWhatIsFoundAfterACrash writes, does something to the files, and opens
// them again.
func TestWhatIsFoundAfterACrash(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long", 100)
	for name, c := range map[string]struct {
		do      func(t *testing.T, d *disk, j *journal.Journal)
		applied uint64
		want    []string
		says    string
	}{
		"nothing was written": {do: func(*testing.T, *disk, *journal.Journal) {}},
		"all of it, in order": {
			do:   func(t *testing.T, _ *disk, j *journal.Journal) { mustWrite(t, j, "1", "", "3") },
			want: []string{"1", "", "3"},
		},
		"both files": {
			do: func(t *testing.T, _ *disk, j *journal.Journal) {
				mustWrite(t, j, "1", "2")
				j.Turn()
				mustWrite(t, j, "3")
			},
			want: []string{"1", "2", "3"},
		},
		"what is applied is not repeated": {
			do: func(t *testing.T, _ *disk, j *journal.Journal) {
				mustWrite(t, j, "1", "2")
				j.Turn()
				mustWrite(t, j, "3")
			},
			applied: 2, want: []string{"3"},
		},
		"an earlier use of a file is over": {
			do: func(t *testing.T, _ *disk, j *journal.Journal) {
				mustWrite(t, j, "1", "2", "3")
				j.Turn()
				mustWrite(t, j, "4")
				j.Turn()
				mustWrite(t, j, "5")
			},
			applied: 3, want: []string{"4", "5"},
		},
		"a use that was only begun": {
			do: func(t *testing.T, d *disk, j *journal.Journal) {
				mustWrite(t, j, "1", "2", "3")
				j.Turn()
				mustWrite(t, j, "4")
				j.Turn()
				d.full, d.room = true, 20
				if err := write(j, "5"); !errors.Is(err, errFull) {
					t.Error(err)
				}
			},
			applied: 3, want: []string{"4"},
		},
		"a long file that was used again": {
			do: func(t *testing.T, d *disk, j *journal.Journal) {
				mustWrite(t, j, strings.Repeat("x", 17<<20))
				j.Turn()
				j.Turn()
				mustWrite(t, j, "2")
				if len(d.files[a].text) > 100 {
					t.Error("it is still long")
				}
			},
			applied: 1, want: []string{"2"},
		},
		"emptied": {
			do: func(t *testing.T, d *disk, j *journal.Journal) {
				mustWrite(t, j, "1")
				if err := j.Empty(); err != nil || len(d.files[a].text) != 0 {
					t.Error(err, len(d.files[a].text))
				}
			},
			applied: 1,
		},
		"another's": {
			do: func(t *testing.T, d *disk, _ *journal.Journal) {
				other, _, err := journal.Open(journal.Config{Path: "journal", Key: []byte("other"), Open: d.open})
				if err != nil {
					t.Fatal(err)
				}
				mustWrite(t, other, "1", "2")
			},
		},
		"a frame within a frame is content": {
			do: func(t *testing.T, d *disk, j *journal.Journal) {
				mustWrite(t, j, "1")
				other, _, err := journal.Open(journal.Config{Path: "journal", Key: []byte("other"), Open: new(disk).open})
				if err != nil {
					t.Fatal(err)
				}
				forged := other.Frame()
				mustWrite(t, other, "1", "2", "3", "4")
				mustWrite(t, j, string(forged[:cap(forged)][:100]))
				d.files[a].text = d.files[a].text[:len(d.files[a].text)-1]
			},
			want: []string{"1"},
		},
		"one that failed is not there once another succeeded": {
			do: func(t *testing.T, d *disk, j *journal.Journal) {
				mustWrite(t, j, "1")
				d.ill = true
				if err := write(j, long); !errors.Is(err, errSync) || !j.Doubtful() {
					t.Error(err, j.Doubtful())
				}
				d.ill = false
				mustWrite(t, j, "2")
			},
			want: []string{"1", "2"},
		},
		"nor once another succeeded in the other file": {
			do: func(t *testing.T, d *disk, j *journal.Journal) {
				mustWrite(t, j, "1")
				d.ill = true
				_ = write(j, "failed")
				d.ill = false
				j.Turn()
				mustWrite(t, j, "2")
			},
			want: []string{"1", "2"},
		},
		"nor once it is marked as applied": {
			do: func(t *testing.T, d *disk, j *journal.Journal) {
				mustWrite(t, j, "1")
				d.ill = true
				_ = write(j, "failed")
				if j.Turn() != 2 {
					t.Error(j.Mark())
				}
			},
			applied: 2,
		},
		"one that failed may be there until then": {
			do: func(t *testing.T, d *disk, j *journal.Journal) {
				mustWrite(t, j, "1")
				d.ill = true
				_ = write(j, "failed")
			},
			want: []string{"1", "failed"},
		},
		"the disk was full for a while": {
			do: func(t *testing.T, d *disk, j *journal.Journal) {
				mustWrite(t, j, "1")
				for room := range 60 {
					d.full, d.room = true, room
					if err := write(j, long); !errors.Is(err, errFull) {
						t.Error(err)
					}
				}
				d.full = false
				mustWrite(t, j, "2", "3")
			},
			want: []string{"1", "2", "3"},
		},
		"damage before what was acknowledged": {
			do: func(t *testing.T, d *disk, j *journal.Journal) {
				mustWrite(t, j, "1", "2", "3")
				d.files[a].text[40]++
			},
			says: "number 3 is there, and what follows 1 is not",
		},
		"damage at the start": {
			do: func(t *testing.T, d *disk, j *journal.Journal) {
				mustWrite(t, j, "1", "2")
				clear(d.files[a].text[:16])
			},
			says: "cannot be read",
		},
		"damage at the end of the older file": {
			do: func(t *testing.T, d *disk, j *journal.Journal) {
				mustWrite(t, j, "1", "2")
				j.Turn()
				mustWrite(t, j, "3")
				d.files[a].text = d.files[a].text[:50]
			},
			says: "number 3 is there, and 2 before it is not",
		},
		"the older file is missing": {
			do: func(t *testing.T, d *disk, j *journal.Journal) {
				mustWrite(t, j, "1", "2")
				j.Turn()
				mustWrite(t, j, "3")
				d.files[a].text = nil
			},
			says: "cannot be read",
		},
		"damage in what is applied is none": {
			do: func(t *testing.T, d *disk, j *journal.Journal) {
				mustWrite(t, j, "1", "2", "3")
				j.Turn()
				mustWrite(t, j, "4")
				d.files[a].text[40]++
			},
			applied: 3, want: []string{"4"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := new(disk)
			c.do(t, d, d.begin(t))
			j, found, err := d.reopen(c.applied)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "journal.journal-") {
					t.Fatalf("got %q and %v, want an error that says %q", found, err, c.says)
				}
				return
			}
			if err != nil || !slices.Equal(found, c.want) {
				t.Fatalf("got %q and %v, want %q", found, err, c.want)
			}
			goesOn(t, d, j)
		})
	}
}

// goesOn writes into a journal that was opened again.
func goesOn(t *testing.T, d *disk, j *journal.Journal) {
	t.Helper()
	d.full, d.ill = false, false
	mark := j.Mark()
	mustWrite(t, j, "more", "yet more")
	if _, found, err := d.reopen(mark); err != nil || !slices.Equal(found, []string{"more", "yet more"}) {
		t.Fatalf("got %q and %v afterwards", found, err)
	}
}

func TestAFrameThatWasCutShortEndsTheJournal(t *testing.T) {
	t.Parallel()
	whole := new(disk)
	mustWrite(t, whole.begin(t), "one", "two", "three")
	text := whole.files[a].text
	end := 0
	for i, want := range [][]string{{}, {"one"}, {"one", "two"}} {
		next := end + 32 + len([]string{"one", "two", "three"}[i])
		for cut := end; cut < next; cut++ {
			for name, rest := range map[string][]byte{"short": nil, "zeros": make([]byte, 100), "old": []byte(strings.Repeat("\xf5SKJ", 30))} {
				d := new(disk)
				d.files[a].text = append(slices.Clone(text[:cut]), rest...)
				if _, found, err := d.reopen(0); err != nil || !slices.Equal(found, want) {
					t.Fatalf("cut at %d, then %s: got %q and %v, want %q", cut, name, found, err, want)
				}
			}
		}
		end = next
	}
}

// TestNoDamageGoesUnseen changes each byte of what was acknowledged.
func TestNoDamageGoesUnseen(t *testing.T) {
	t.Parallel()
	whole := new(disk)
	j := whole.begin(t)
	texts := []string{"one", "two", "three", "four"}
	mustWrite(t, j, texts[:2]...)
	j.Turn()
	mustWrite(t, j, texts[2:]...)
	for i := range whole.files {
		for at := range whole.files[i].text {
			d := new(disk)
			d.files[a].text, d.files[b].text = slices.Clone(whole.files[a].text), slices.Clone(whole.files[b].text)
			d.files[i].text[at] ^= 1
			_, found, err := d.reopen(0)
			// The last frame cannot be told from one that was cut short.
			last := i == b && at >= len(whole.files[b].text)-32-len("four")
			if last && (err != nil || !slices.Equal(found, texts[:3])) || !last && err == nil {
				t.Errorf("byte %d of file %d: got %q and %v", at, i, found, err)
			}
		}
	}
}

func TestAFrameThatIsTooLongIsRefused(t *testing.T) {
	t.Parallel()
	d := new(disk)
	j := d.begin(t)
	if err := j.Write(make([]byte, 33+journal.MaxFrame)); err == nil {
		t.Error("it was written")
	}
	mustWrite(t, j, "1")
	if _, found, err := d.reopen(0); err != nil || !slices.Equal(found, []string{"1"}) {
		t.Error(found, err)
	}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "records")
	if err := os.WriteFile(path+".journal-a", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	j, _, err := journal.Open(journal.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, j, "one")
	j.Turn()
	mustWrite(t, j, "two")
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	for _, suffix := range journal.Suffixes() {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 || info.Size() != 35 {
			t.Errorf("%s has %d bytes and mode %v", suffix, info.Size(), info.Mode())
		}
	}
	again, found, err := journal.Open(journal.Config{Path: path})
	if err != nil || len(found) != 2 || string(found[0])+string(found[1]) != "onetwo" {
		t.Fatal(found, err)
	}
	if err := again.Empty(); err != nil {
		t.Error(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "records")
	if err := os.Mkdir(path+".journal-b", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := journal.Open(journal.Config{Path: path}); err == nil || !strings.Contains(err.Error(), path+".journal-b") {
		t.Errorf("got %v, want the name of what is no file", err)
	}
}
