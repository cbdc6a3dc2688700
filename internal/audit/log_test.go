package audit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/fault"
)

func TestACallHasItsIntentAndItsOutcome(t *testing.T) {
	p := path(t)
	l := newLog(t, openFile(t, audit.FileConfig{Path: p}))
	if err := l.Intent(t.Context(), audit.Record{ID: "1"}); err != nil {
		t.Fatal(err)
	}
	// The caller has gone, the outcome is written all the same.
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	l.Outcome(gone, audit.Record{ID: "1", Outcome: audit.Succeeded})
	if n := l.Backlog(); n != 0 {
		t.Errorf("%d outcomes wait", n)
	}
	if err := l.Denial(t.Context(), audit.Record{ID: "2"}); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	want := []string{"1 start", "2 intent 1", "3 outcome 1 succeeded", "4 denial 2"}
	if got := said(t, p); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestARefusalIsAFaultThatTellsWhenToRetry(t *testing.T) {
	p, system := path(t), newFaultFS()
	l := newLog(t, openFile(t, audit.FileConfig{Path: p, FS: system}))
	system.set(failing(syscall.ENOSPC, "write"))
	for _, refused := range []func(context.Context, audit.Record) error{l.Intent, l.Denial} {
		f := fault.From(refused(t.Context(), audit.Record{ID: "1"}))
		if f.Kind != fault.Unavailable || f.Reason != "STATE_UNAVAILABLE" || f.RetryAfter != time.Second || !errors.Is(f, syscall.ENOSPC) {
			t.Errorf("got %v", f)
		}
		if strings.Contains(f.Public, "space") {
			t.Errorf("the caller is told %q", f.Public)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if f := fault.From(l.Intent(gone, audit.Record{ID: "1"})); f.Kind != fault.Canceled {
		t.Errorf("got %v", f)
	}
}

func TestOutcomesOutliveAnIllSink(t *testing.T) {
	p, system := path(t), newFaultFS()
	l := newLog(t, openFile(t, audit.FileConfig{Path: p, FS: system}))
	for i := range 300 {
		if err := l.Intent(t.Context(), audit.Record{ID: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	system.set(failing(syscall.EIO, "sync"))
	for i := range 300 {
		l.Outcome(t.Context(), audit.Record{ID: fmt.Sprint(i), Outcome: audit.Unknown})
	}
	if n := l.Backlog(); n != 300 {
		t.Errorf("%d outcomes wait", n)
	}
	system.set(nil)
	eventually(t, "all are written", func() bool { return l.Backlog() == 0 })
	mustClose(t, l)
	if r := verified(t, nil, p); r.Open != 0 {
		t.Errorf("%d intents have no outcome", r.Open)
	}
}

func TestIntentsAreRefusedWhileTooManyOutcomesWait(t *testing.T) {
	p, system := path(t), newFaultFS()
	l, err := audit.NewLog(audit.LogConfig{Sink: openFile(t, audit.FileConfig{Path: p, FS: system}), MaxBacklog: 2})
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	system.set(hanging(release, "write"))
	ended := make(chan struct{}, 3)
	for i := range 3 {
		go func() {
			l.Outcome(context.Background(), audit.Record{ID: fmt.Sprint(i)})
			ended <- struct{}{}
		}()
	}
	eventually(t, "they wait", func() bool { return l.Backlog() == 3 })
	if f := fault.From(l.Intent(t.Context(), audit.Record{ID: "x"})); f.Reason != "STATE_UNAVAILABLE" || !strings.Contains(f.Error(), "3 outcomes wait") {
		t.Errorf("got %v", f)
	}
	if l.Healthy() == nil {
		t.Error("the log is healthy")
	}
	system.set(nil)
	close(release)
	healthy(t, l)
	for range 3 {
		<-ended
	}
	mustClose(t, l)
	if got := said(t, p); len(got) != 4 {
		t.Errorf("got %q", got)
	}
}

func TestOutcomesThatCannotBeWrittenGoToTheLogger(t *testing.T) {
	core, logged := observer.New(zapcore.ErrorLevel)
	system := newFaultFS()
	l, err := audit.NewLog(audit.LogConfig{
		Sink: openFile(t, audit.FileConfig{Path: path(t), FS: system}), MaxWait: 10 * time.Millisecond, Logger: zap.New(core),
	})
	if err != nil {
		t.Fatal(err)
	}
	system.set(failing(syscall.EIO, "write"))
	l.Outcome(t.Context(), audit.Record{ID: "lost", Outcome: audit.Succeeded})
	if err := l.Close(); err == nil || !strings.Contains(err.Error(), "1 audit outcomes were not written") {
		t.Errorf("closing gives %v", err)
	}
	l.Outcome(t.Context(), audit.Record{ID: "late"})
	if err := l.Intent(t.Context(), audit.Record{ID: "late"}); err == nil {
		t.Error("a closed log takes an intent")
	}
	lines := logged.FilterMessage("audit outcome was not written").All()
	if len(lines) != 2 || !strings.Contains(lines[0].ContextMap()["record"].(string), `"id":"lost"`) || !strings.Contains(lines[1].ContextMap()["record"].(string), `"id":"late"`) {
		t.Errorf("logged %v", lines)
	}
}

func TestALogIsConfigured(t *testing.T) {
	j := openFile(t, audit.FileConfig{Path: path(t)})
	for says, c := range map[string]audit.LogConfig{
		"needs a sink":     {},
		"below 1s":         {Sink: j, MaxWait: time.Second},
		"above 0 and":      {Sink: j, MaxWait: -1},
		"must be above 0":  {Sink: j, MaxBacklog: -1},
		"audit log needs ": {MaxWait: time.Millisecond},
	} {
		if _, err := audit.NewLog(c); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

func TestIllnessAndRecoveryAreLoggedOnce(t *testing.T) {
	core, logged := observer.New(zapcore.InfoLevel)
	system := newFaultFS()
	j := openFile(t, audit.FileConfig{Path: path(t), FS: system, Logger: zap.New(core)})
	system.set(failing(syscall.EIO, "write"))
	for range 5 {
		if tried(t, j, slack, intent("1")) == nil {
			t.Error("it was written")
		}
	}
	system.set(nil)
	healthy(t, j)
	mustClose(t, j)
	var messages []string
	for _, e := range logged.All() {
		messages = append(messages, e.Message)
	}
	want := []string{"the audit record cannot be written: changes are refused", "the audit record can be written again"}
	if !slices.Equal(messages, want) {
		t.Errorf("logged %q", messages)
	}
}

func TestAnAlarmStandsBesideTheOutcomeAndIsNone(t *testing.T) {
	p, system := path(t), newFaultFS()
	l := newLog(t, openFile(t, audit.FileConfig{Path: p, FS: system}))
	for _, id := range []string{"1", "2"} {
		if err := l.Intent(t.Context(), audit.Record{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	// An alarm waits for nobody, and it outlives an ill sink.
	system.set(failing(syscall.EIO, "sync"))
	l.Alarm(audit.Record{ID: "1", Reason: "LEASE_ENDED", Outcome: audit.Unknown})
	l.Outcome(t.Context(), audit.Record{ID: "1", Outcome: audit.Succeeded})
	l.Alarm(audit.Record{ID: "2", Reason: "LEASE_ENDED"})
	system.set(nil)
	eventually(t, "all are written", func() bool { return l.Backlog() == 0 })
	mustClose(t, l)
	if r := verified(t, nil, p); !slices.Equal(r.OpenIDs, []string{"2"}) {
		t.Errorf("the intents %q have no outcome, want the second one, which has an alarm alone", r.OpenIDs)
	}
	if got := string(content(p)); strings.Count(got, `"kind":"alarm"`) != 2 || strings.Count(got, `"outcome":`) != 1 || strings.Count(got, `"reason":"LEASE_ENDED"`) != 2 {
		t.Errorf("got %s", got)
	}
}
