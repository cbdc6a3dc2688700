package bolt_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records/bolt"
	"platform.internal/storekeeper/internal/records/journal"
)

// answer is a value that is long enough to be found in a file.
const answer = "the answer to a change, which must never be another one"

// all are the files of a store, by what stands behind its name.
func all() []string { return []string{"", journal.Suffixes()[0], journal.Suffixes()[1]} }

// stopped makes a store with some records and closes it.
func stopped(t *testing.T, file string) {
	t.Helper()
	s := open(t, file)
	fill(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func fill(t *testing.T, s *bolt.Store) {
	t.Helper()
	for i := range 40 {
		set(t, s, fmt.Sprint("lasting/", i), strings.Repeat("held ", 20), time.Time{})
		set(t, s, fmt.Sprint("ending/", i), answer, time.Now().Add(time.Hour))
	}
}

// killed is what a crash leaves of such a store, with some of it in the journal.
func killed(t *testing.T, file string) {
	t.Helper()
	running := filepath.Join(t.TempDir(), "running")
	synctest.Test(t, func(t *testing.T) {
		s := open(t, running)
		fill(t, s)
		time.Sleep(3 * time.Second)
		set(t, s, "late", answer, time.Time{})
		set(t, s, "later", answer, time.Time{})
		crashAt(t, running, file)
	})
}

// refuses opens what should not open.
func refuses(t *testing.T, file string, says ...string) {
	t.Helper()
	s, err := bolt.Open(bolt.Config{File: file})
	if err == nil {
		t.Fatal("it opened", s.Close())
	}
	for _, text := range append(says, file, "docs/state.md") {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("got %q, want %q in it", err, text)
		}
	}
}

func TestFilesThatDoNotBelongTogetherStopTheStart(t *testing.T) {
	t.Parallel()
	remove := func(suffix string) func(*testing.T, string) {
		return func(t *testing.T, file string) { must(t, os.Remove(file+suffix)) }
	}
	empty := func(suffix string) func(*testing.T, string) {
		return func(t *testing.T, file string) { must(t, os.Truncate(file+suffix, 0)) }
	}
	foreign := func(suffix string) func(*testing.T, string) {
		return func(t *testing.T, file string) {
			other := filepath.Join(t.TempDir(), "other")
			killed(t, other)
			clone(t, other+suffix, file+suffix)
		}
	}
	for name, c := range map[string]struct {
		do   func(t *testing.T, file string)
		says string
	}{
		"the records file is gone":           {remove(""), "it is missing, and there is "},
		"a journal is gone":                  {remove(".journal-a"), "may hold changes that were acknowledged"},
		"the other journal is gone":          {remove(".journal-b"), "may hold changes that were acknowledged"},
		"the records file is empty":          {empty(""), "it is empty, and there is "},
		"a journal is empty":                 {empty(".journal-a"), "does not begin with the label"},
		"the other journal is empty":         {empty(".journal-b"), "does not begin with the label"},
		"the records file of another store":  {foreign(""), "it is of another store"},
		"a journal of another store":         {foreign(".journal-a"), "it is of another store"},
		"the other journal of another store": {foreign(".journal-b"), "it is of another store"},
	} {
		for state, prepare := range map[string]func(*testing.T, string){"after a stop": stopped, "after a kill": killed} {
			t.Run(name+" "+state, func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(t.TempDir(), "records")
				prepare(t, file)
				c.do(t, file)
				refuses(t, file, c.says)
				refuses(t, file, c.says)
			})
		}
	}
}

// Each file is put back as it was one life, or some changes, ago.
func TestAnOlderCopyOfAFileStopsTheStart(t *testing.T) {
	t.Parallel()
	for _, suffix := range all() {
		for state, again := range map[string]func(*testing.T, string){
			"after a stop": func(t *testing.T, file string) {
				s := open(t, file)
				set(t, s, "newer", answer, time.Time{})
				must(t, s.Close())
			},
			"after a kill": func(t *testing.T, file string) {
				running := image(t, file)
				synctest.Test(t, func(t *testing.T) {
					s := open(t, running)
					set(t, s, "newer", answer, time.Time{})
					crashAt(t, running, file)
				})
			},
		} {
			t.Run(fmt.Sprintf("records%s %s", suffix, state), func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(t.TempDir(), "records")
				stopped(t, file)
				old := image(t, file)
				again(t, file)
				clone(t, old+suffix, file+suffix)
				refuses(t, file, "older")
			})
		}
	}
}

func TestAnOlderJournalOfTheSameLifeStopsTheStart(t *testing.T) {
	t.Parallel()
	file, early, late := filepath.Join(t.TempDir(), "records"), filepath.Join(t.TempDir(), "records"), filepath.Join(t.TempDir(), "records")
	synctest.Test(t, func(t *testing.T) {
		s := open(t, file)
		set(t, s, "a", answer, time.Time{})
		crashAt(t, file, early)
		for i := range 3 {
			set(t, s, fmt.Sprint(i), answer, time.Time{})
			time.Sleep(3 * time.Second)
		}
		crashAt(t, file, late)
	})
	for _, suffix := range journal.Suffixes() {
		clone(t, early+suffix, late+suffix)
	}
	refuses(t, late, "older than what is kept elsewhere")
}

// A cut that takes whole frames leaves a journal that looks like a shorter one.
func TestAJournalThatWasCutAfterAKillStopsTheStart(t *testing.T) {
	t.Parallel()
	for name, pause := range map[string]time.Duration{"in one file": 0, "after the files took turns": 3 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, at := filepath.Join(t.TempDir(), "records"), filepath.Join(t.TempDir(), "records")
			var ends []int64
			used := journal.Suffixes()[0]
			synctest.Test(t, func(t *testing.T) {
				s := open(t, file)
				if pause > 0 {
					set(t, s, "early", answer, time.Time{})
					time.Sleep(pause)
					used = journal.Suffixes()[1]
				}
				for i := range 4 {
					ends = append(ends, sizeOf(t, file+used))
					set(t, s, fmt.Sprint(i), answer, time.Time{})
				}
				crashAt(t, file, at)
			})
			for _, end := range ends {
				cut := filepath.Join(t.TempDir(), "records")
				crashAt(t, at, cut)
				must(t, os.Truncate(cut+used, end))
				refuses(t, cut, "the owner has seen number")
			}
			if s, err := bolt.Open(bolt.Config{File: at}); err != nil {
				t.Errorf("whole files: %v", err)
			} else {
				must(t, s.Close())
			}
		})
	}
}

// bbolt maps the file into memory: reading behind its end would end the process.
func TestARecordsFileThatWasCutStopsTheStart(t *testing.T) {
	t.Parallel()
	whole := filepath.Join(t.TempDir(), "records")
	stopped(t, whole)
	size := sizeOf(t, whole)
	refused := 0
	for cut := int64(1); cut < size; cut += 1 + cut/7 {
		file := image(t, whole)
		must(t, os.Truncate(file, cut))
		s, err := bolt.Open(bolt.Config{File: file})
		if err != nil {
			refused++
			continue
		}
		// Nothing of it was in use.
		for i := range 40 {
			want(t, s, fmt.Sprint("ending/", i), answer)
		}
		must(t, s.Close())
	}
	if refused < 10 {
		t.Errorf("only %d cuts were refused", refused)
	}
}

// Whatever byte is changed: either the store does not open, or it gives what was
// written or an error. It never gives anything else, nor forgets a record.
func TestNoChangedByteOfTheRecordsFileIsServed(t *testing.T) {
	t.Parallel()
	whole := filepath.Join(t.TempDir(), "records")
	stopped(t, whole)
	text, err := os.ReadFile(whole)
	must(t, err)
	for at := 0; at < len(text); at += 211 {
		if text[at] == 0 && at > 16<<10 && at%977 != 0 {
			continue // most of the file is not in use
		}
		file := image(t, whole)
		changed := bytes.Clone(text)
		changed[at] ^= 1
		write(t, file, string(changed))
		s, err := bolt.Open(bolt.Config{File: file})
		if err != nil {
			continue
		}
		for i := range 40 {
			for key, value := range map[string]string{fmt.Sprint("ending/", i): answer, fmt.Sprint("lasting/", i): strings.Repeat("held ", 20)} {
				found, err := s.Get(t.Context(), key)
				if e, ok := found[key]; err == nil && (!ok || string(e.Value) != value) {
					t.Errorf("byte %d: %q is %q", at, key, e.Value)
				}
			}
		}
		must(t, s.Close())
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAChangedAnswerIsNeverGivenAndTheStoreGoesOn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "records")
	s := open(t, file)
	set(t, s, "good", answer, time.Now().Add(time.Hour))
	set(t, s, "changed", "changed: "+answer, time.Now().Add(time.Hour))
	must(t, s.Close())
	text, err := os.ReadFile(file)
	must(t, err)
	write(t, file, strings.ReplaceAll(string(text), "changed: the answer", "changed: The answer"))
	s = open(t, file)
	if n := s.Damaged(); n != 1 {
		t.Errorf("%d records are told to be damaged", n)
	}
	_, err = s.Get(t.Context(), "changed")
	wantDamaged(t, err)
	// Others are written together with who asks for it.
	done := make(chan error)
	go func() { done <- s.Change(t.Context(), []string{"changed"}, put("changed", "x", time.Time{})) }()
	set(t, s, "other", "1", time.Time{})
	wantDamaged(t, <-done)
	want(t, s, "good", answer)
	want(t, s, "other", "1")
	if n := s.Damaged(); n != 3 {
		t.Errorf("%d records are told to be damaged", n)
	}
}

func wantDamaged(t *testing.T, err error) {
	t.Helper()
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Reason != "STATE_DAMAGED" {
		t.Errorf("got %v", err)
	}
}

func TestAChangedRecordWithoutAnEndStopsTheStart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "records")
	s := open(t, file)
	set(t, s, "quota", "12 are held", time.Time{})
	must(t, s.Close())
	text, err := os.ReadFile(file)
	must(t, err)
	write(t, file, strings.ReplaceAll(string(text), "12 are held", "02 are held"))
	refuses(t, file, `the record "quota"`)
}

func TestAnotherKeyStopsTheStart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "records")
	var told []string
	with := func(key string) bolt.Config {
		return bolt.Config{File: file, Key: func(store string, fresh bool) ([]byte, error) {
			told = append(told, fmt.Sprint(store != "", fresh))
			return []byte(key), nil
		}}
	}
	for _, key := range []string{"one", "one"} {
		s, err := bolt.Open(with(key))
		must(t, err)
		must(t, s.Close())
	}
	if _, err := bolt.Open(with("two")); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("got %v", err)
	}
	if got := strings.Join(told, ", "); got != "true true, true false, true false" {
		t.Errorf("told %s", got)
	}
}

// setFormat changes what a file says about its form.
func setFormat(t *testing.T, file string, n uint32) {
	t.Helper()
	db, err := bbolt.Open(file, 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("journal")).Put([]byte("format"), binary.BigEndian.AppendUint32(nil, n))
	}))
	must(t, db.Close())
}

func TestAFileOfAnotherFormatStopsTheStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do   func(t *testing.T, file string)
		says string
	}{
		"the records file of a later build": {func(t *testing.T, file string) { setFormat(t, file, 2) }, "format version 2, and this build reads 1"},
		"of a build that had no version": {func(t *testing.T, file string) {
			must(t, os.Remove(file))
			db, err := bbolt.Open(file, 0o600, nil)
			must(t, err)
			must(t, db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("lasting")); return err }))
			must(t, db.Close())
		}, "no format version"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "records")
			stopped(t, file)
			c.do(t, file)
			refuses(t, file, c.says)
		})
	}
}

// A start that is cut short at any step leaves files that the next one takes.
func TestAFirstStartThatWasCutShortIsBegunAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "records")
	boom := errors.New("the test ends the start here")
	for step := range 8 {
		n, open := 0, false
		count := func() error {
			if n++; n == step+1 && !open {
				return boom
			}
			return nil
		}
		s, err := bolt.Open(bolt.Config{
			File: file, Key: func(string, bool) ([]byte, error) { return []byte("key"), count() },
			Journal: func(path string) (journal.File, error) {
				if err := count(); err != nil {
					return nil, err
				}
				f, err := journal.OpenFile(path)
				return stepFile{File: f, step: count}, err
			},
		})
		if open = true; err == nil {
			if step < 5 {
				t.Errorf("there is no step %d", step)
			}
			must(t, s.Close())
			return
		}
		if !errors.Is(err, boom) {
			t.Fatalf("after step %d: %v", step, err)
		}
	}
	t.Error("there is no end of steps")
}

// stepFile counts its syncs.
type stepFile struct {
	journal.File

	step func() error
}

func (f stepFile) Sync() error {
	if err := f.step(); err != nil {
		return err
	}
	return f.File.Sync()
}
