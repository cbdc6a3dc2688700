package audit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

func TestRecordsStandInTheirOrder(t *testing.T) {
	p := path(t)
	j := openFile(t, audit.FileConfig{Path: p})
	mustAppend(t, j, intent("1"), audit.Record{Kind: audit.KindOutcome, ID: "1", Outcome: audit.Failed})
	mustAppend(t, j, audit.Record{Kind: audit.KindDenial, ID: "2", Reason: "NO_RULE"})
	mustClose(t, j)
	want := []string{"1 start", "2 intent 1", "3 outcome 1 failed", "4 denial 2 NO_RULE"}
	if got := said(t, p); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestWhatWaitsIsSyncedOnce(t *testing.T) {
	const callers = 100
	p, system := path(t), newFaultFS()
	var made atomic.Int64
	now := func() time.Time { made.Add(1); return time.Unix(0, 0) }
	j := openFile(t, audit.FileConfig{Path: p, FS: system, MaxWait: slack, Now: now})
	release := make(chan struct{})
	system.set(hanging(release, "sync audit.log"))
	before, records := system.count(), made.Load()
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			if err := j.Append(context.Background(), intent(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	// The first is being synced, the others come while it is.
	eventually(t, "all wait", func() bool { return made.Load() == records+callers })
	close(release)
	group.Wait()
	// One commit takes 7 operations. Two would do, and some more for those
	// that were about to wait.
	if ops := system.count() - before; ops > 7*callers/2 {
		t.Errorf("%d operations for %d records", ops, callers)
	}
	mustClose(t, j)
	if report := verified(t, nil, p); report.Records != callers+1 || report.Open != callers {
		t.Errorf("%+v", report)
	}
}

func TestAnIntentWrittenTooLateIsFollowedByNotSent(t *testing.T) {
	p, system := path(t), newFaultFS()
	j := openFile(t, audit.FileConfig{Path: p, FS: system})
	release := make(chan struct{})
	system.set(hanging(release, "sync audit.log"))
	late := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { late <- j.Append(ctx, intent("late")) }()
	eventually(t, "it is being written", func() bool { return len(said(t, p)) == 2 })
	dropped := make(chan error)
	go func() { dropped <- j.Append(ctx, intent("dropped")) }()
	cancel()
	for _, result := range []chan error{late, dropped} {
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	system.set(nil)
	close(release)
	mustAppend(t, j, intent("next"))
	mustClose(t, j)
	got := said(t, p)
	if !slices.Contains(got, "3 outcome late not_sent waiter_gone") || len(got) != 4 {
		t.Errorf("got %q", got)
	}
	verified(t, nil, p)
}

func TestAnIntentGivenUpDuringAFailureIsNotWritten(t *testing.T) {
	p, system := path(t), newFaultFS()
	j := openFile(t, audit.FileConfig{Path: p, FS: system})
	hang, release := make(chan struct{}), make(chan struct{})
	system.set(once(func(op, _ string) error {
		if op != "sync" {
			return nil
		}
		close(hang)
		<-release
		return errHalf
	}))
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { result <- j.Append(ctx, intent("late")) }()
	<-hang
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(release)
	healthy(t, j)
	mustAppend(t, j, intent("next"))
	mustClose(t, j)
	want := []string{"1 start", "2 recovered write_failed", "3 intent next"}
	if got := said(t, p); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestAHungSinkRefusesAtOnce(t *testing.T) {
	p, system := path(t), newFaultFS()
	j := openFile(t, audit.FileConfig{Path: p, FS: system, MaxWait: time.Millisecond})
	release := make(chan struct{})
	system.set(hanging(release, "write"))
	if err := tried(t, j, 10*time.Millisecond, intent("1")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the first gets %v", err)
	}
	ill(t, j)
	// Without a limit of its own: it must not wait.
	if err := j.Append(t.Context(), intent("2")); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the second gets %v", err)
	}
	if err := j.Close(); err == nil {
		t.Error("closing a sink that hangs succeeds")
	}
	close(release)
	eventually(t, "the rest is written", func() bool { return len(said(t, p)) == 3 })
}

func TestOtherKindsAreRefused(t *testing.T) {
	j := openFile(t, audit.FileConfig{Path: path(t)})
	for _, kind := range []audit.Kind{"", audit.KindStart, audit.KindRecovered, "other"} {
		if err := j.Append(t.Context(), audit.Record{Kind: kind}); err == nil {
			t.Errorf("%q was taken", kind)
		}
	}
}

func TestAClosedJournalRefuses(t *testing.T) {
	j := openFile(t, audit.FileConfig{Path: path(t)})
	mustClose(t, j)
	mustClose(t, j)
	if err := j.Append(t.Context(), intent("1")); err == nil || j.Healthy() == nil {
		t.Errorf("got %v, %v", err, j.Healthy())
	}
}

func TestAnEndedContextWritesNothing(t *testing.T) {
	p := path(t)
	j := openFile(t, audit.FileConfig{Path: p})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Append(ctx, intent("1")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	mustClose(t, j)
	if got := said(t, p); len(got) != 1 {
		t.Errorf("got %q", got)
	}
}

func TestARealFileIsPrivateAndSynced(t *testing.T) {
	p := path(t)
	j := openFile(t, audit.FileConfig{Path: p, FS: audit.OS()})
	mustAppend(t, j, intent("1"))
	for _, name := range []string{p, p + ".head"} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	mustClose(t, j)
	verified(t, nil, p)
}
