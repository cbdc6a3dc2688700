package idempotency_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
)

func within(c idempotency.Call, containers ...string) idempotency.Call {
	c.Within = containers
	return c
}

func TestNoLaterChangeEndsTheAnswerToADeletion(t *testing.T) {
	refused := func(context.Context, *idempotency.Operation) ([]byte, error) {
		return nil, fault.New(fault.NotFound, "SECRET_NOT_FOUND", "x")
	}
	for name, test := range map[string]struct {
		run   func(context.Context, *idempotency.Operation) ([]byte, error)
		then  idempotency.Call
		stays bool
	}{
		"of an object of the same name":           {then: on(plain("b"), "name"), stays: true},
		"of the container":                        {then: on(plain("b"), "store"), stays: true},
		"of an object, of a refused deletion":     {then: on(plain("b"), "o"), run: refused},
		"of the container, of a refused deletion": {then: on(plain("b"), "store"), run: refused},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, w := newDisk(), newWorld()
				r := life(t, d, w, nil)
				first := within(on(plain("a"), "o", "name"), "store")
				first.Deletes = true
				run := test.run
				if run == nil {
					run = func(_ context.Context, op *idempotency.Operation) ([]byte, error) { return w.act(op, "a"), nil }
				}
				<-r.run(t.Context(), first, run)
				<-r.run(t.Context(), test.then, func(_ context.Context, op *idempotency.Operation) ([]byte, error) { return w.act(op, "b"), nil })
				if test.stays {
					want(t, r.do(t.Context(), again(first)), "a number 1", true)
				} else if got := <-r.run(t.Context(), again(first), run); got.Replayed {
					t.Errorf("the answer of the refused deletion was replayed")
				}
				nothingOpen(t, d)
			})
		})
	}
}

func TestALaterChangeEndsTheAnswerToACallWithoutAKey(t *testing.T) {
	refused := func(context.Context, *idempotency.Operation) ([]byte, error) {
		return nil, fault.New(fault.NameTaken, "NAME_TAKEN", "x")
	}
	unsentNow := func(context.Context, *idempotency.Operation) ([]byte, error) {
		return nil, fault.New(fault.Throttled, "BUDGET_SPENT", "x")
	}
	for name, test := range map[string]struct {
		then idempotency.Call
		run  func(context.Context, *idempotency.Operation) ([]byte, error)
		ends bool
	}{
		"of the object":                        {then: on(plain("b"), "o"), ends: true},
		"of the object, with a key":            {then: on(keyed("k", "b"), "o"), ends: true},
		"of the object, by another caller":     {then: by("bert", on(plain("b"), "o")), ends: true},
		"of the object and another":            {then: on(plain("b"), "n", "o"), ends: true},
		"of what contains the object":          {then: on(plain("b"), "store"), ends: true},
		"of the object, that nobody can prove": {then: on(plain("b"), "o"), run: unsent, ends: true},
		"of the object, that was refused":      {then: on(plain("b"), "o"), run: refused},
		"of the object, that was not sent":     {then: on(plain("b"), "o"), run: unsentNow},
		"of another object":                    {then: on(plain("b"), "n")},
		"of another object beside it":          {then: within(on(plain("b"), "n"), "store")},
	} {
		for where, edit := range map[string]func(*idempotency.Config){"alone": nil, "together": together} {
			t.Run(name+" "+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d, w := newDisk(), newWorld()
					r := life(t, d, w, func(c *idempotency.Config) {
						if edit != nil {
							edit(c)
						}
						c.Recover = func(context.Context, *idempotency.Operation) ([]byte, error) { return nil, change.ErrUnproven }
					})
					other := r
					if edit != nil {
						other = life(t, d, w, edit)
					}
					first := within(on(plain("a"), "o"), "store")
					want(t, r.do(t.Context(), first), "a number 1", false)
					want(t, other.do(t.Context(), again(first)), "a number 1", true)
					if test.run == nil {
						test.run = func(_ context.Context, op *idempotency.Operation) ([]byte, error) { return w.act(op, "b"), nil }
					}
					<-r.run(t.Context(), test.then, test.run)
					// The record from before the failed change still counts.
					<-r.run(t.Context(), on(plain("c"), "o"), unsentNow)
					if test.ends {
						want(t, other.do(t.Context(), again(first)), "a number 2", false)
					}
					if test.ends && test.then.Objects[0] != "store" {
						want(t, r.do(t.Context(), again(first)), "a number 2", true)
					}
					if !test.ends {
						want(t, other.do(t.Context(), again(first)), "a number 1", true)
					}
					nothingOpen(t, d)
				})
			})
		}
	}
}

// A store is not empty because of its secrets, and full because of others. If they are gone, the refusal is out of
// date, and nothing at the objects of the refused change shows it.
func TestARefusalDueToOtherObjectsIsNoAnswerToARepeatWithoutAKey(t *testing.T) {
	for name, test := range map[string]struct {
		kind   fault.Kind
		repeat idempotency.Call
		want   string
		stays  bool
	}{
		"what is not empty, without a key": {kind: fault.NotEmpty, repeat: again(plain("a")), want: "a number 1"},
		"what is full, without a key":      {kind: fault.LimitReached, repeat: again(plain("a")), want: "a number 1"},
		"what is not empty, with a key":    {kind: fault.NotEmpty, repeat: keyed("k", "a"), want: "REFUSED", stays: true},
		"what is full, with a key":         {kind: fault.LimitReached, repeat: keyed("k", "a"), want: "REFUSED", stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, w := newDisk(), newWorld()
				r := life(t, d, w, nil)
				first := on(test.repeat, "store")
				first.Retry = false
				want(t, r.run(t.Context(), first, func(context.Context, *idempotency.Operation) ([]byte, error) {
					return nil, fault.New(test.kind, "REFUSED", "x")
				}), "REFUSED", false)
				want(t, r.do(t.Context(), within(on(plain("b"), "o"), "store")), "b number 1", false)
				want(t, r.do(t.Context(), on(test.repeat, "store")), test.want, test.stays)
				nothingOpen(t, d)
			})
		})
	}
}

// Of an object that many change, no record is left for good.
func TestWhatIsRememberedOfAnObjectEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r := life(t, d, newWorld(), nil)
		want(t, r.do(t.Context(), on(plain("a"), "o", "p")), "a number 1", false)
		time.Sleep(2*time.Minute + time.Second)
		if left := append(d.names("object/"), d.names("call/")...); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

func TestAForgottenAnswerIsNotGivenToARepeat(t *testing.T) {
	for name, away := range map[string]bool{"while the records are there": false, "while they are away": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, w := newDisk(), newWorld()
				r, other := life(t, d, w, together), life(t, d, w, together)
				want(t, r.do(t.Context(), plain("a")), "a number 1", false)
				time.Sleep(time.Second)
				came := time.Now()
				time.Sleep(time.Second)
				r.link.set(away, false)
				r.Forget(t.Context(), plain("a"), came)
				r.link.set(false, false)
				time.Sleep(time.Second)
				if !away {
					want(t, other.do(t.Context(), again(plain("a"))), "a number 2", false)
				} else {
					want(t, r.do(t.Context(), again(plain("a"))), "a number 2", false)
				}
				want(t, r.do(t.Context(), again(plain("a"))), "a number 2", true)
				r.Forget(t.Context(), plain("a"), came)
				want(t, r.do(t.Context(), again(plain("a"))), "a number 2", true)
			})
		})
	}
}

// A retry is about the last open call.
func TestWhatIsOpenIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r := life(t, d, newWorld(), nil)
		first := r.run(t.Context(), plain("a"), r.slow("a", time.Second))
		synctest.Wait()
		r.Forget(t.Context(), plain("a"), time.Now())
		repeat := r.do(t.Context(), again(plain("a")))
		want(t, first, "a number 1", false)
		want(t, repeat, "a number 1", true)
		r.Forget(t.Context(), keyed("k", "a"), time.Now())
		want(t, r.do(t.Context(), keyed("k", "a")), "a number 2", false)
		r.Forget(t.Context(), keyed("k", "a"), time.Now().Add(time.Hour))
		want(t, r.do(t.Context(), keyed("k", "a")), "a number 2", true)
	})
}
