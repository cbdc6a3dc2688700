package quota_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

func TestQuotaOfTheAccountIsReadOnceWhileThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newCloudflare(100)
		c := client(f, newMemory(), rules(1, 100))
		for range 50 {
			must(t, c, "a", 1)
		}
		if f.readings != 1 {
			t.Errorf("it was read %d times", f.readings)
		}
		time.Sleep(2 * time.Hour)
		must(t, c, "a", 1)
		if f.readings != 2 {
			t.Errorf("it was read %d times, the last reading being old", f.readings)
		}
	})
}

func TestFullAccountIsAskedAgainBeforeAChangeIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newCloudflare(100)
		f.fill(99)
		c := client(f, newMemory(), rules(1, 100))
		must(t, c, "a", 1)
		time.Sleep(time.Second)
		refused(t, c, "b", 1)
		delete(f.secrets, "filled-0") // By another client.
		time.Sleep(time.Second)
		must(t, c, "b", 1)
		if f.refused > 0 {
			t.Errorf("Cloudflare refused %d", f.refused)
		}
	})
}

func TestCloudflareJudgesWhereItsQuotaCannotBeRead(t *testing.T) {
	f := newCloudflare(1)
	f.unreadable = fault.New(fault.Unavailable, "UPSTREAM_UNAVAILABLE", "Away.")
	c := client(f, newMemory(), rules(1, 2))
	must(t, c, "a", 1)
	refused(t, c, "a", 1)
	if f.refused != 1 {
		t.Errorf("Cloudflare refused %d, want 1", f.refused)
	}
	// A refused create reserves nothing.
	f.limit = 2
	must(t, c, "a", 1)
}

func TestWaitForTheLastPlaceEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newCloudflare(2)
		c := client(f, newMemory(), rules(1, 2))
		first := make(chan error)
		must(t, c, "b", 1)
		f.slow = func() time.Duration { return time.Second }
		go func() {
			_, err := create(as("a"), c, 1)
			first <- err
		}()
		time.Sleep(500 * time.Millisecond)
		ctx, cancel := context.WithTimeout(as("b"), 100*time.Millisecond)
		defer cancel()
		if _, err := create(ctx, c, 1); err == nil || fault.From(err).Kind != fault.Deadline {
			t.Errorf("got %v, want the deadline", err)
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
		refused(t, c, "b", 1)
		if f.refused > 0 {
			t.Error("Cloudflare had to refuse")
		}
	})
}

// TestNobodyIsRefusedForWhatCountsTwice: a reading of the quota may include objects of a change that has not
// ended. Until the next reading they count twice.
func TestNobodyIsRefusedForWhatCountsTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newCloudflare(3)
		f.fill(1)
		f.slow = func() time.Duration { return time.Second }
		c := client(f, newMemory(), rules(1, 10))
		first := make(chan error)
		go func() {
			_, err := create(as("a"), c, 1)
			first <- err
		}()
		time.Sleep(1500 * time.Millisecond)
		refused(t, c, "b", 2)
		time.Sleep(100 * time.Millisecond)
		must(t, c, "c", 1)
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}

func TestRecordThatCannotBeReadIsAFault(t *testing.T) {
	kept := newMemory()
	c := client(newCloudflare(100), kept, rules(1, 2))
	must(t, c, "a", 1)
	for key, e := range kept.entries {
		e.Value = []byte("{")
		kept.entries[key] = e
	}
	_, err := create(as("a"), c, 1)
	if got := fault.From(err); got.Kind != fault.Internal || errors.Unwrap(got) == nil {
		t.Errorf("got %v", err)
	}
}
