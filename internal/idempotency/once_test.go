package idempotency_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
)

func TestAnAnswerIsKeptForItsKey(t *testing.T) {
	for name, test := range map[string]struct {
		call, next idempotency.Call
		after      time.Duration
		want       string
		replayed   bool
	}{
		"the same key and request":                   {keyed("k", "a"), keyed("k", "a"), time.Minute, "a number 1", true},
		"a key shortly before a day is over":         {keyed("k", "a"), keyed("k", "a"), 24*time.Hour - time.Second, "a number 1", true},
		"a key after a day":                          {keyed("k", "a"), keyed("k", "a"), 24*time.Hour + time.Second, "a number 2", false},
		"a key and another request":                  {keyed("k", "a"), keyed("k", "b"), time.Minute, "IDEMPOTENCY_KEY_REUSED", false},
		"another key":                                {keyed("k", "a"), keyed("l", "a"), time.Minute, "a number 2", false},
		"no key and not a retry":                     {plain("a"), plain("a"), time.Second, "a number 2", false},
		"a retry":                                    {plain("a"), again(plain("a")), time.Minute, "a number 1", true},
		"a retry after the window":                   {plain("a"), again(plain("a")), 2*time.Minute + time.Second, "a number 2", false},
		"a retry of another request":                 {plain("a"), again(plain("b")), time.Second, "b number 1", false},
		"a retry of a call with a key":               {keyed("k", "a"), again(plain("a")), time.Second, "a number 2", false},
		"a key that a retry has, too":                {keyed("k", "a"), again(keyed("k", "a")), time.Hour, "a number 1", true},
		"a key of another caller":                    {keyed("k", "a"), by("bert", keyed("k", "a")), time.Second, "a number 2", false},
		"a retry by another caller":                  {plain("a"), by("bert", again(plain("a"))), time.Second, "a number 2", false},
		"a key with another method":                  {keyed("k", "a"), method("/Delete", keyed("k", "a")), time.Second, "IDEMPOTENCY_KEY_REUSED", false},
		"caller and key that read the same together": {by("an", keyed("nak", "a")), by("anna", keyed("k", "a")), time.Second, "a number 2", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDisk()
				r := life(t, d, newWorld(), nil)
				want(t, r.do(t.Context(), test.call), "a number 1", false)
				time.Sleep(test.after)
				want(t, r.do(t.Context(), test.next), test.want, test.replayed)
				nothingOpen(t, d)
			})
		})
	}
}

func by(caller string, c idempotency.Call) idempotency.Call {
	c.Caller = caller
	return c
}

func method(name string, c idempotency.Call) idempotency.Call {
	c.Method = name
	return c
}

func TestWhichFaultsAreKept(t *testing.T) {
	for name, test := range map[string]struct {
		fault *fault.Error
		kept  bool
	}{
		"bad input": {&fault.Error{
			Kind: fault.BadInput, Reason: "NAME_EMPTY", Public: "name: must not be empty", Detail: "max 3", Ray: "ray",
			Fields:     []fault.Field{{Path: "a", Pointer: "/a", Reason: "R", Detail: "d", Text: "must"}, {Path: "b"}},
			Notices:    []fault.Notice{{Code: 7, Text: "note"}},
			RetryAfter: time.Second,
		}, true},
		"too large":          {fault.New(fault.TooLarge, "TOO_LARGE", "x"), true},
		"not found":          {fault.New(fault.NotFound, "STORE_NOT_FOUND", "x"), true},
		"name taken":         {fault.New(fault.NameTaken, "NAME_TAKEN", "x"), true},
		"limit reached":      {fault.New(fault.LimitReached, "LIMIT", "x"), true},
		"not empty":          {fault.New(fault.NotEmpty, "NOT_EMPTY", "x"), true},
		"throttled":          {fault.New(fault.Throttled, "BUDGET", "x"), false},
		"unavailable":        {fault.New(fault.Unavailable, "UPSTREAM_UNAVAILABLE", "x"), false},
		"upstream refuses":   {fault.New(fault.Upstream, "UPSTREAM_REFUSED", "x"), false},
		"denied":             {fault.New(fault.Denied, "DENIED", "x"), false},
		"a limit of our own": {&fault.Error{Kind: fault.LimitReached, Reason: "LIMIT", Public: "x", Local: true}, false},
		"deadline unsent":    {fault.New(fault.Deadline, "DEADLINE_EXCEEDED", "x"), false},
		"the key was wrong":  {fault.New(fault.KeyReused, "X", "x"), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, asked := newDisk(), 0
				r := life(t, d, newWorld(), nil)
				refuse := func(context.Context, *idempotency.Operation) ([]byte, error) {
					asked++
					copied := *test.fault
					return nil, copied.Because(errors.New("private"))
				}
				first, second := <-r.run(t.Context(), on(keyed("k", "a"), "o"), refuse), <-r.run(t.Context(), on(keyed("k", "a"), "o"), refuse)
				if first.Replayed || second.Replayed != test.kept || (asked == 1) != test.kept {
					t.Errorf("asked %d times, replayed %t and %t", asked, first.Replayed, second.Replayed)
				}
				if !reflect.DeepEqual(first.err.Because(nil), test.fault) || !reflect.DeepEqual(second.err.Because(nil), test.fault) {
					t.Errorf("first %+v\nthen %+v\nwant %+v", first.err, second.err, test.fault)
				}
				nothingOpen(t, d)
			})
		})
	}
}

func TestCallsOfAKeyJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := life(t, newDisk(), newWorld(), nil)
		first := r.run(t.Context(), keyed("k", "a"), r.slow("a", time.Second))
		synctest.Wait()
		second := r.do(t.Context(), keyed("k", "a"))
		want(t, r.do(t.Context(), keyed("k", "b")), "IDEMPOTENCY_KEY_REUSED", false)
		pending(t, second)
		want(t, first, "a number 1", false)
		want(t, second, "a number 1", true)
	})
}

func TestACallThatWasMadeTwiceWithoutAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r := life(t, d, newWorld(), nil)
		old := r.run(t.Context(), plain("a"), r.slow("a", 2*time.Second))
		time.Sleep(time.Second)
		young := r.run(t.Context(), plain("a"), r.slow("a", 2*time.Second))
		time.Sleep(500 * time.Millisecond)
		joined := r.do(t.Context(), again(plain("a")))
		want(t, old, "a number 1", false)
		pending(t, joined)
		want(t, young, "a number 2", false)
		want(t, joined, "a number 2", true)
		want(t, r.do(t.Context(), again(plain("a"))), "a number 2", true)
		nothingOpen(t, d)
	})
}

func TestAnswersAreTheCallersOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := life(t, newDisk(), newWorld(), nil)
		first := r.run(t.Context(), keyed("k", "a"), r.slow("a", time.Second))
		synctest.Wait()
		second := r.do(t.Context(), keyed("k", "a"))
		spoiled := <-first
		clear(spoiled.Body)
		want(t, second, "a number 1", true)
	})
}

func TestNothingSecretIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r := life(t, d, newWorld(), nil)
		c := on(keyed("canary-key", "canary-payload"), "object")
		c.Description = describe(func() (idempotency.Intent, error) {
			return idempotency.Intent{Op: []byte(`"seen-op"`), Baseline: []byte(`"seen-baseline"`)}, nil
		})
		quiet := func(context.Context, *idempotency.Operation) ([]byte, error) { return []byte("seen-answer"), nil }
		want(t, r.run(t.Context(), c, quiet), "seen-answer", false)
		c.Key = ""
		want(t, r.run(t.Context(), c, quiet), "seen-answer", false)
		want(t, r.run(t.Context(), c, unsent), "UPSTREAM_ANSWER_LOST", false)
		for _, text := range []string{"canary-key", "canary-payload"} {
			if d.contains(text) {
				t.Errorf("%q was written", text)
			}
		}
		for _, text := range []string{"seen-op", "seen-baseline", "seen-answer", "object"} {
			if !d.contains(text) {
				t.Errorf("%q was not written, so the search is no proof", text)
			}
		}
	})
}
