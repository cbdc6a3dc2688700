package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/postgres"
)

// ledger makes each commit add a unique word to a record and to the trail, and records the
// acknowledged commits. It detects a commit that is lost, duplicated or incomplete.
type ledger struct {
	mu      sync.Mutex
	acked   map[string][]string
	unknown map[string][]string
	count   int
}

func newLedger() *ledger {
	return &ledger{acked: make(map[string][]string), unknown: make(map[string][]string)}
}

// add commits a word. The permitted errors of a failing store are recorded.
func (l *ledger) add(s *postgres.Store, key, word string) error {
	err := s.Commit(context.Background(), []string{key}, func(now map[string]store.Record) (store.Changes, error) {
		return store.Changes{
			Records: map[string]*store.Record{key: {Value: fmt.Appendf(nil, "%s %s", now[key].Value, word)}},
			Lines:   []audit.Record{{Kind: audit.KindIntent, ID: word}},
			Events:  []store.Event{{Topic: key, Data: []byte(word)}},
		}, nil
	})
	if f, ok := errors.AsType[*fault.Error](err); err != nil && (!ok || f.Reason != "STATE_UNAVAILABLE") {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.unknown[key] = append(l.unknown[key], word)
		return nil
	}
	l.acked[key] = append(l.acked[key], word)
	l.count++
	return nil
}

// acknowledged is how many commits were acknowledged.
func (l *ledger) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// more waits until a number of further commits were acknowledged.
func (l *ledger) more(t *testing.T, n int) {
	t.Helper()
	begun := time.Now()
	for before := l.acknowledged(); l.acknowledged() < before+n && !t.Failed(); <-time.After(time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Error("no commit is acknowledged any more")
			return
		}
	}
}

// run has writers add words, spread over the stores, until stop is closed.
func (l *ledger) run(t *testing.T, writers int, stop <-chan struct{}, stores ...*postgres.Store) {
	t.Helper()
	var group sync.WaitGroup
	for writer := range writers {
		group.Go(func() {
			for round := 0; !t.Failed(); round++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := l.add(stores[writer%len(stores)], fmt.Sprint("writer/", writer), fmt.Sprintf("%d-%d", writer, round)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// while runs writers until disturb has returned, and then compares.
func (l *ledger) while(t *testing.T, writers int, disturb func(), stores ...*postgres.Store) {
	t.Helper()
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		disturb()
	}()
	l.run(t, writers, stop, stores...)
	<-stop
}

// check compares the store with the acknowledged commits.
func (l *ledger) check(t *testing.T, s *postgres.Store) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	trail := words(t, s)
	for key, acked := range l.acked {
		found, err := s.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		times := make(map[string]int)
		for word := range strings.FieldsSeq(string(found[key].Value)) {
			times[word]++
		}
		for word, n := range times {
			if n != trail[word] {
				t.Errorf("%s: the commit %s stands %d times in its record and %d times in the trail", key, word, n, trail[word])
			}
			delete(trail, word)
		}
		for _, word := range acked {
			if times[word] != 1 {
				t.Errorf("%s: the acknowledged commit %s happened %d times", key, word, times[word])
			}
			delete(times, word)
		}
		for _, word := range l.unknown[key] {
			if times[word] > 1 {
				t.Errorf("%s: the commit %s happened %d times", key, word, times[word])
			}
			delete(times, word)
		}
		if len(times) != 0 {
			t.Errorf("%s: commits that nobody made: %v", key, times)
		}
	}
	if len(trail) != 0 {
		t.Errorf("the trail has lines without their records: %v", trail)
	}
	unknown := 0
	for _, all := range l.unknown {
		unknown += len(all)
	}
	t.Logf("%d commits acknowledged, %d unknown", l.count, unknown)
	if l.count == 0 {
		t.Error("nothing was tried")
	}
}

// words verifies the chain of the trail and counts the intents.
func words(t *testing.T, s *postgres.Store) map[string]int {
	t.Helper()
	var text bytes.Buffer
	times := make(map[string]int)
	err := s.Trail(t.Context(), 0, func(line []byte) error {
		text.Write(line)
		text.WriteByte('\n')
		if _, rest, ok := strings.Cut(string(line), `"kind":"intent","id":"`); ok {
			word, _, _ := strings.Cut(rest, `"`)
			times[word]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	report, err := audit.VerifyLines(t.Context(), audit.Lines{Name: "trail", Reader: &text}, nil)
	if err != nil || !report.Complete() {
		t.Fatalf("the chain is broken: %v %v (%v)", report.Problems, report.Missing, err)
	}
	return times
}
