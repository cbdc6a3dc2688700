package audit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// memorySink keeps records in memory.
type memorySink struct {
	mu      sync.Mutex
	records []audit.Record
	free    int64
	size    int64
	fails   error
}

func (s *memorySink) Append(_ context.Context, records ...audit.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return s.fails
	}
	s.records = append(s.records, records...)
	return nil
}

func (s *memorySink) Healthy() error { return nil }

func (s *memorySink) Close() error { return nil }

func (s *memorySink) Space() (free, size int64, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.free, s.size, true
}

func (s *memorySink) set(free int64, fails error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free, s.fails = free, fails
}

// written counts the recorded and the suppressed denials of each caller.
func (s *memorySink) written() (denials, suppressed map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	denials, suppressed = map[string]int{}, map[string]int{}
	for _, r := range s.records {
		if r.Reason == audit.ReasonSuppressed {
			suppressed[r.Caller] += r.Suppressed
		} else if r.Kind == audit.KindDenial {
			denials[r.Caller]++
		}
	}
	return denials, suppressed
}

func deny(t *testing.T, l *audit.Log, caller string, times int) {
	t.Helper()
	for range times {
		if err := l.Denial(t.Context(), audit.Record{ID: "d", Caller: caller, Tenant: "team"}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACallerCannotFillTheTrailWithDenials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{}
		l := limitedLog(t, audit.LogConfig{Sink: sink, DenialsPerHour: 60})
		deny(t, l, "loud", 5000)
		deny(t, l, "quiet", 3)
		if denials, _ := sink.written(); denials["loud"] != 60 || denials["quiet"] != 3 {
			t.Errorf("recorded: %v", denials)
		}
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if _, suppressed := sink.written(); suppressed["loud"] != 4940 || suppressed["quiet"] != 0 {
			t.Errorf("said to be left out: %v", suppressed)
		}
		// An hour later, the same number of denials may be recorded again.
		time.Sleep(time.Hour)
		deny(t, l, "loud", 100)
		mustClose(t, l)
		denials, suppressed := sink.written()
		if denials["loud"] != 120 || suppressed["loud"] != 4980 || l.Suppressed() != 4980 {
			t.Errorf("at the end %v are recorded and %v left out, %d counted", denials, suppressed, l.Suppressed())
		}
	})
}

func TestManyCallersCannotFillTheTrailTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{}
		l := limitedLog(t, audit.LogConfig{Sink: sink, DenialsPerHour: 600})
		for i := range 20_000 {
			deny(t, l, fmt.Sprint("subject-", i), 1)
		}
		mustClose(t, l)
		denials, suppressed := sink.written()
		sum := func(of map[string]int) (n int) {
			for _, k := range of {
				n += k
			}
			return n
		}
		if sum(denials) != 2000 || sum(denials)+sum(suppressed) != 20_000 || len(suppressed) > 101 {
			t.Errorf("%d are recorded, %d left out, in %d records", sum(denials), sum(suppressed), len(suppressed))
		}
	})
}

func TestDenialsAreNotRecordedWhereOnlyRoomForChangesIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{free: 1 << 30, size: 1 << 40}
		l := limitedLog(t, audit.LogConfig{Sink: sink, DenialsPerHour: 600, Reserve: 1 << 28})
		deny(t, l, "a", 2)
		sink.set(1<<27, nil)
		time.Sleep(time.Second)
		deny(t, l, "a", 5)
		deny(t, l, "", 5)
		l.Alarm(audit.Record{ID: "1"})
		time.Sleep(2 * time.Minute)
		denials, suppressed := sink.written()
		if denials["a"] != 2 || denials[""] != 0 || len(suppressed) != 0 || len(sink.records) != 3 {
			t.Errorf("while the disk is nearly full: %v %v", denials, suppressed)
		}
		sink.set(1<<30, nil)
		time.Sleep(2 * time.Minute)
		deny(t, l, "a", 1)
		if denials, suppressed = sink.written(); denials["a"] != 3 || suppressed["a"] != 5 || suppressed[""] != 5 {
			t.Errorf("with room again: %v %v", denials, suppressed)
		}
		mustClose(t, l)
	})
}

func TestASmallDiskKeepsAnEighthForChanges(t *testing.T) {
	sink := &memorySink{free: 9 << 20, size: 64 << 20}
	l := limitedLog(t, audit.LogConfig{Sink: sink, Reserve: 256 << 20})
	deny(t, l, "a", 1)
	mustClose(t, l)
	if denials, _ := sink.written(); denials["a"] != 1 {
		t.Error("with 9 of 64 MiB free a denial is left out")
	}
}

func TestWhatIsLeftOutIsSaidOnceItCanBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{}
		l := limitedLog(t, audit.LogConfig{Sink: sink, DenialsPerHour: 1})
		deny(t, l, "a", 8)
		sink.set(0, errors.New("away"))
		time.Sleep(2 * time.Minute)
		sink.set(0, nil)
		time.Sleep(2 * time.Minute)
		if _, suppressed := sink.written(); suppressed["a"] != 7 {
			t.Errorf("%v", suppressed)
		}
		mustClose(t, l)
	})
}

func TestWithoutALimitAllDenialsAreRecorded(t *testing.T) {
	sink := &memorySink{}
	l := limitedLog(t, audit.LogConfig{Sink: sink})
	deny(t, l, "a", 3000)
	mustClose(t, l)
	if denials, suppressed := sink.written(); denials["a"] != 3000 || len(suppressed) > 0 {
		t.Errorf("%v %v", denials, suppressed)
	}
}

func TestARecordOfManySecretsIsBounded(t *testing.T) {
	r := audit.Record{Kind: audit.KindIntent, Secrets: make([]audit.Secret, 100)}
	for i := range r.Secrets {
		// Each character takes six bytes.
		r.Secrets[i].Name = string(slices.Repeat([]byte{1}, 512))
	}
	if got := written(t, r); len(got) > 100<<10 {
		t.Errorf("a record of %d bytes", len(got))
	}
	for i := range r.Secrets {
		r.Secrets[i] = audit.Secret{ID: "0123456789abcdef0123456789abcdef", Name: string(slices.Repeat([]byte{'A'}, 512))}
	}
	if got := written(t, r); len(got) < 50<<10 {
		t.Errorf("names of a usual form are cut: %d bytes", len(got))
	}
}

func limitedLog(t *testing.T, c audit.LogConfig) *audit.Log {
	t.Helper()
	l, err := audit.NewLog(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
