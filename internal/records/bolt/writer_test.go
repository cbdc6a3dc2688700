package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/bolt"
)

var errRefused = errors.New("refused by the test")

// inside looks into the file of a closed store.
func inside(t *testing.T, file string, look func(tx *bbolt.Tx)) {
	t.Helper()
	db, err := bbolt.Open(file, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.View(func(tx *bbolt.Tx) error { look(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

// busy holds the writer inside a change until release is called, which first
// waits until all that was begun waits. It must be called in a bubble.
func busy(t *testing.T, s *bolt.Store) (release func()) {
	t.Helper()
	held := make(chan struct{})
	go func() {
		err := s.Change(context.Background(), []string{"busy"}, func(map[string]records.Entry) (map[string]*records.Entry, error) {
			<-held
			return map[string]*records.Entry{"busy": {}}, nil
		})
		if err != nil {
			t.Error(err)
		}
	}()
	synctest.Wait()
	return func() {
		synctest.Wait()
		close(held)
		synctest.Wait()
	}
}

func TestChangesThatWaitAreWrittenTogether(t *testing.T) {
	t.Parallel()
	const many = 50
	file := filepath.Join(t.TempDir(), "records")
	var before, after int
	open(t, file).Close()
	inside(t, file, func(tx *bbolt.Tx) { before = tx.ID() })
	synctest.Test(t, func(t *testing.T) {
		s, err := bolt.Open(bolt.Config{File: file})
		if err != nil {
			t.Fatal(err)
		}
		release := busy(t, s)
		var group sync.WaitGroup
		for i := range many {
			group.Go(func() { waiting(t, s, i) })
		}
		release()
		group.Wait()
		for i := range many {
			key := fmt.Sprint(i)
			if i%5 != 1 && i%5 != 2 {
				want(t, s, key, "x")
			}
		}
		if n := frames(t, file); n != 1 {
			t.Errorf("%d frames were written, want 1", n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
	inside(t, file, func(tx *bbolt.Tx) {
		after = tx.ID()
		if n := tx.Bucket([]byte("lasting")).Stats().KeyN; n != 1+many*3/5 {
			t.Errorf("%d records are kept, want %d", n, 1+many*3/5)
		}
	})
	// Opening writes that a life begins and that it has begun, and closing puts
	// all of it into the file.
	if after-before != 3 {
		t.Errorf("%d transactions were written, want 3", after-before)
	}
}

// waiting makes a change of which some are refused and some fail badly.
func waiting(t *testing.T, s *bolt.Store, i int) {
	key := fmt.Sprint(i)
	err := s.Change(t.Context(), []string{key}, func(map[string]records.Entry) (map[string]*records.Entry, error) {
		switch i % 5 {
		case 1:
			return map[string]*records.Entry{key: {}}, errRefused
		case 2:
			panic("made by the test")
		}
		return map[string]*records.Entry{key: {Value: []byte("x")}}, nil
	})
	switch i % 5 {
	case 1:
		if !errors.Is(err, errRefused) {
			t.Errorf("got %v, want the error of decide", err)
		}
	case 2:
		if err == nil || fault.From(err).Kind != fault.Internal {
			t.Errorf("got %v, want an internal fault", err)
		}
	default:
		if err != nil {
			t.Error(err)
		}
	}
}

func TestCallerMayLeaveWhileItsChangeWaits(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "records")
	synctest.Test(t, func(t *testing.T) {
		s := open(t, file)
		release := busy(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		asked := false
		err := s.Change(ctx, []string{"a"}, func(map[string]records.Entry) (map[string]*records.Entry, error) {
			asked = true
			return nil, nil
		})
		if err == nil || fault.From(err).Kind != fault.Deadline {
			t.Errorf("got %v, want that of the context", err)
		}
		release()
		if asked {
			t.Error("decide was asked after its caller left")
		}
	})
}

func TestClosingWaitsForTheWriter(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "records")
	synctest.Test(t, func(t *testing.T) {
		s := open(t, file)
		release := busy(t, s)
		answers := make(chan error, 2)
		for _, key := range []string{"a", "b"} {
			go func() { answers <- s.Change(context.Background(), []string{key}, put(key, "x", time.Time{})) }()
		}
		var ended atomic.Bool
		closing := make(chan error)
		go func() {
			err := s.Close()
			ended.Store(true)
			closing <- err
		}()
		synctest.Wait()
		if ended.Load() {
			t.Error("closing did not wait for the write that ran")
		}
		release()
		if err := <-closing; err != nil {
			t.Error(err)
		}
		// Whether they were written or refused, they are told.
		for range cap(answers) {
			if err := <-answers; err != nil && fault.From(err).Kind != fault.Unavailable {
				t.Error(err)
			}
		}
	})
}

func TestWhatHasEndedIsSweptFromTheFile(t *testing.T) {
	t.Parallel()
	const many = 1200
	file := filepath.Join(t.TempDir(), "records")
	synctest.Test(t, func(t *testing.T) {
		s := open(t, file)
		keys := make([]string, many)
		for i := range keys {
			keys[i] = fmt.Sprint(i)
		}
		err := s.Change(t.Context(), keys, func(map[string]records.Entry) (map[string]*records.Entry, error) {
			changes := make(map[string]*records.Entry)
			for i, key := range keys {
				end := time.Now().Add(time.Duration(i) * time.Millisecond)
				changes[key] = &records.Entry{Value: []byte(key), Expires: end}
			}
			return changes, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		set(t, s, "later", "x", time.Now().Add(time.Hour))
		set(t, s, "7", "again", time.Now().Add(time.Hour))
		set(t, s, "8", "lasting", time.Time{})
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		want(t, s, "later", "x")
		want(t, s, "7", "again")
		want(t, s, "8", "lasting")
	})
	inside(t, file, func(tx *bbolt.Tx) {
		for table, left := range map[string]int{"lasting": 1, "ending": 2, "ends": 2} {
			if n := tx.Bucket([]byte(table)).Stats().KeyN; n != left {
				t.Errorf("%d entries are left in %s, want %d", n, table, left)
			}
		}
	})
}
