package valkey_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/valkey"
	"platform.internal/storekeeper/internal/records/valkeytest"
)

const (
	writers = 6
	// short bounds commands where a test waits for the end of them.
	short = 200 * time.Millisecond
)

// ledger has each change add its own word to a record, and remembers which
// changes were acknowledged. So a change that is lost or done twice shows.
type ledger struct {
	mu      sync.Mutex
	acked   map[string][]string
	unknown map[string][]string
}

func newLedger() *ledger {
	return &ledger{acked: make(map[string][]string), unknown: make(map[string][]string)}
}

// add adds a word to two records in one change: the writer's own and one that all
// writers share.
func (l *ledger) add(s *valkey.Store, key, word string) error {
	keys := []string{key, "shared"}
	err := s.Change(context.Background(), keys, func(now map[string]records.Entry) (map[string]*records.Entry, error) {
		changes := make(map[string]*records.Entry)
		for _, key := range keys {
			changes[key] = &records.Entry{Value: fmt.Appendf(nil, "%s %s", now[key].Value, word)}
		}
		return changes, nil
	})
	if f, ok := errors.AsType[*fault.Error](err); err != nil && (!ok || f.Reason != "STATE_UNAVAILABLE") {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	into := l.acked
	if err != nil {
		into = l.unknown
	}
	for _, key := range keys {
		into[key] = append(into[key], word)
	}
	return nil
}

// check compares the records with what was acknowledged.
func (l *ledger) check(t *testing.T, s records.Store) {
	t.Helper()
	for key, acked := range l.acked {
		found, err := s.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		times := make(map[string]int)
		for word := range strings.FieldsSeq(string(found[key].Value)) {
			times[word]++
		}
		for _, word := range acked {
			if times[word] != 1 {
				t.Errorf("%s: an acknowledged change happened %d times", key, times[word])
			}
			delete(times, word)
		}
		for _, word := range l.unknown[key] {
			if times[word] > 1 {
				t.Errorf("%s: a change happened %d times", key, times[word])
			}
			delete(times, word)
		}
		if len(times) != 0 {
			t.Errorf("%s: changes that nobody made: %v", key, times)
		}
	}
	t.Logf("%d changes acknowledged, %d unknown", len(l.acked["shared"]), len(l.unknown["shared"]))
}

// run has the writers add words until stop says so.
func (l *ledger) run(t *testing.T, s *valkey.Store, stop func(round int) bool) {
	t.Helper()
	var group sync.WaitGroup
	for writer := range writers {
		group.Go(func() {
			for round := 0; !stop(round); round++ {
				if err := l.add(s, fmt.Sprint("writer/", writer), fmt.Sprintf("%d-%d", writer, round)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestChangesHappenOnceThroughABadNetwork(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	p := startProxy(t, server.Address(), func() verdict {
		return []verdict{cutBefore, cutAfter, pass, pass, pass}[rand.IntN(5)]
	})
	s := open(t, valkey.Config{Address: p.address(), Timeout: time.Second})
	l := newLedger()
	l.run(t, s, func(round int) bool { return round == 40 })
	l.check(t, open(t, valkey.Config{Address: server.Address()}))
	if p.cuts.Load() == 0 || len(l.acked["shared"]) == 0 {
		t.Errorf("%d cuts and %d changes: nothing was tried", p.cuts.Load(), len(l.acked["shared"]))
	}
}

func TestAcknowledgedChangesOutliveAKillOfTheServer(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	s := open(t, valkey.Config{Address: server.Address(), Timeout: time.Second})
	l := newLedger()
	done := make(chan struct{})
	count := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.acked["shared"])
	}
	go func() {
		defer close(done)
		for range 4 {
			for before := count(); count() < before+60 && !t.Failed(); {
				<-time.After(time.Millisecond)
			}
			server.Restart()
		}
		for before := count(); count() < before+60 && !t.Failed(); {
			<-time.After(time.Millisecond)
		}
	}()
	l.run(t, s, func(int) bool {
		select {
		case <-done:
			return true
		default:
			return t.Failed()
		}
	})
	<-done
	l.check(t, s)
}

// held makes a store whose first script is held back, and a store beside it.
func held(t *testing.T) (p *proxy, slow, beside *valkey.Store) {
	t.Helper()
	server := valkeytest.Start(t)
	beside = open(t, valkey.Config{Address: server.Address()})
	// From here on the server knows the script.
	set(t, beside, "prime", &records.Entry{})
	var scripts atomic.Int64
	p = startProxy(t, server.Address(), func() verdict {
		// The first is that by which the store joins the others.
		if scripts.Add(1) == 2 {
			return hold
		}
		return pass
	})
	slow = open(t, valkey.Config{Address: p.address(), Timeout: 2 * short})
	if err := slow.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p, slow, beside
}

func set(t *testing.T, s *valkey.Store, key string, e *records.Entry) {
	t.Helper()
	err := s.Change(t.Context(), []string{key}, func(map[string]records.Entry) (map[string]*records.Entry, error) {
		return map[string]*records.Entry{key: e}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// appended is a Decide that adds to a record, which is made where it is absent.
func appended(key, text string) records.Decide {
	return func(now map[string]records.Entry) (map[string]*records.Entry, error) {
		return map[string]*records.Entry{key: {Value: append(now[key].Value, text...)}}, nil
	}
}

func want(t *testing.T, s *valkey.Store, key, value string) {
	t.Helper()
	found, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if string(found[key].Value) != value {
		t.Fatalf("%q is %q, want %q", key, found[key].Value, value)
	}
}

// release lets the server have what was held and waits until it is done.
func (p *proxy) release(t *testing.T) {
	t.Helper()
	p.letGo()
	select {
	case <-p.late:
	case <-time.After(10 * time.Second):
		t.Fatal("the server did not answer what was held")
	}
}

func TestChangeThatComesLateAfterItsRepeatDoesNothing(t *testing.T) {
	t.Parallel()
	p, slow, beside := held(t)
	if err := slow.Change(t.Context(), []string{"a"}, appended("a", "x")); err != nil {
		t.Fatal(err)
	}
	want(t, beside, "a", "x")
	// Now "a" is absent again, as the held script expects it.
	set(t, beside, "a", nil)
	p.release(t)
	want(t, beside, "a", "")
}

func TestChangeThatComesLateAfterAConflictDoesNothing(t *testing.T) {
	t.Parallel()
	p, slow, beside := held(t)
	ended := make(chan error)
	go func() { ended <- slow.Change(context.Background(), []string{"a"}, appended("a", "x")) }()
	for p.cuts.Load() == 0 {
		<-time.After(time.Millisecond)
	}
	set(t, beside, "a", &records.Entry{Value: []byte("y")})
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	want(t, beside, "a", "yx")
	set(t, beside, "a", nil)
	p.release(t)
	want(t, beside, "a", "")
}
