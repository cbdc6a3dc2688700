package audit_test

import (
	"context"
	"errors"
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

func TestARefusalIsAFaultThatTellsWhenToRetry(t *testing.T) {
	sink := &memorySink{fails: syscall.ENOSPC}
	l := limitedLog(t, audit.LogConfig{Sink: sink})
	f := fault.From(l.Denial(t.Context(), audit.Record{ID: "1"}))
	if f.Kind != fault.Unavailable || f.Reason != "STATE_UNAVAILABLE" || f.RetryAfter != time.Second || !errors.Is(f, syscall.ENOSPC) {
		t.Errorf("got %v", f)
	}
	if strings.Contains(f.Public, "space") {
		t.Errorf("the caller is told %q", f.Public)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if f := fault.From(l.Denial(gone, audit.Record{ID: "1"})); f.Kind != fault.Canceled {
		t.Errorf("got %v", f)
	}
	mustClose(t, l)
}

func TestAlarmsOutliveASinkThatFails(t *testing.T) {
	sink := &memorySink{fails: syscall.EIO}
	l := limitedLog(t, audit.LogConfig{Sink: sink, MaxBacklog: 299})
	for range 300 {
		l.Alarm(audit.Record{ID: "1", Reason: "LEASE_ENDED"})
	}
	if n := l.Backlog(); n != 300 {
		t.Errorf("%d alarms wait", n)
	}
	if l.Healthy() == nil {
		t.Error("the log is healthy")
	}
	sink.set(0, nil)
	eventually(t, "all are written", func() bool { return l.Backlog() == 0 })
	if err := l.Healthy(); err != nil {
		t.Error(err)
	}
	mustClose(t, l)
	if len(sink.records) != 300 || sink.records[0].Kind != audit.KindAlarm || sink.records[0].Time.IsZero() {
		t.Errorf("%d records are written, the first is %+v", len(sink.records), sink.records[0])
	}
}

func TestAlarmsThatCannotBeWrittenGoToTheLogger(t *testing.T) {
	core, logged := observer.New(zapcore.ErrorLevel)
	l := limitedLog(t, audit.LogConfig{Sink: &memorySink{fails: syscall.EIO}, MaxWait: 10 * time.Millisecond, Logger: zap.New(core)})
	l.Alarm(audit.Record{ID: "lost"})
	if err := l.Close(); err == nil || !strings.Contains(err.Error(), "1 audit alarms were not written") {
		t.Errorf("closing gives %v", err)
	}
	l.Alarm(audit.Record{ID: "late"})
	lines := logged.FilterMessage("audit alarm was not written").All()
	if len(lines) != 2 || !strings.Contains(lines[0].ContextMap()["record"].(string), `"id":"lost"`) || !strings.Contains(lines[1].ContextMap()["record"].(string), `"id":"late"`) {
		t.Errorf("logged %v", lines)
	}
}

func TestALogIsConfigured(t *testing.T) {
	sink := &memorySink{}
	for says, c := range map[string]audit.LogConfig{
		"needs a sink":        {},
		"at most 10s":         {Sink: sink, MaxWait: time.Minute},
		"above 0 and":         {Sink: sink, MaxWait: -1},
		"must be above 0":     {Sink: sink, MaxBacklog: -1},
		"must not be below 0": {Sink: sink, DenialsPerHour: -1},
	} {
		if _, err := audit.NewLog(c); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

func TestAnAlarmStandsBesideTheOutcomeAndIsNone(t *testing.T) {
	p := path(t)
	begin(t, p, key).append(t,
		intent("1"), intent("2"),
		audit.Record{Kind: audit.KindAlarm, ID: "1", Reason: "LEASE_ENDED", Outcome: audit.Unknown},
		audit.Record{Kind: audit.KindOutcome, ID: "1", Outcome: audit.Succeeded},
		audit.Record{Kind: audit.KindAlarm, ID: "2", Reason: "LEASE_ENDED"})
	if r := verified(t, key, p); len(r.OpenIDs) != 1 || r.OpenIDs[0] != "2" {
		t.Errorf("the intents %q have no outcome, want the second one, which has an alarm alone", r.OpenIDs)
	}
	if got := string(content(p)); strings.Count(got, `"kind":"alarm"`) != 2 || strings.Count(got, `"outcome":`) != 1 || strings.Count(got, `"reason":"LEASE_ENDED"`) != 2 {
		t.Errorf("got %s", got)
	}
}
