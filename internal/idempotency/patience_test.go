package idempotency_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
)

// TestNobodyWaitsForAnothersChangeLongerThanThePatience has a change that does not end, and calls that wait
// for that change.
func TestNobodyWaitsForAnothersChangeLongerThanThePatience(t *testing.T) {
	const patience = 15 * time.Second
	named := func(c idempotency.Call) idempotency.Call {
		c.Description = describe(func() (idempotency.Intent, error) {
			return idempotency.Intent{ID: "i-" + string(c.Payload), RequestID: "r-" + string(c.Payload)}, nil
		})
		return c
	}
	own, earlier, another := "Your own earlier call began this change", "An earlier change of yours", "Another change of the same object"
	for name, test := range map[string]struct {
		first, next idempotency.Call
		elsewhere   bool
		text        string
	}{
		"its own change, with a key":                     {on(keyed("k", "a"), "o"), on(keyed("k", "a"), "o"), false, own},
		"its own change, without a key":                  {on(plain("a"), "o"), again(on(plain("a"), "o")), false, own},
		"its own change at another replica":              {on(keyed("k", "a"), "o"), on(keyed("k", "a"), "o"), true, own},
		"an object that it changes itself":               {on(keyed("k", "a"), "o"), on(keyed("l", "b"), "n", "o"), false, earlier},
		"an object that it changes at another replica":   {on(plain("a"), "o"), on(plain("b"), "o"), true, earlier},
		"an object that somebody else changes":           {by("bert", on(plain("a"), "o")), on(plain("b"), "o"), false, another},
		"an object that somebody else changes elsewhere": {by("bert", on(plain("a"), "o")), on(plain("b"), "o"), true, another},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, w := newDisk(), newWorld()
				edit := func(c *idempotency.Config) { c.Alone, c.Patience = !test.elsewhere, patience }
				r := life(t, d, w, edit)
				other := r
				if test.elsewhere {
					other = life(t, d, w, edit)
				}
				first := r.run(t.Context(), named(test.first), r.slow("a", time.Minute))
				time.Sleep(time.Second)
				began := time.Now()
				e := <-other.do(t.Context(), named(test.next))
				if waited := time.Since(began); waited > patience+time.Second {
					t.Errorf("it waited %s", waited)
				}
				if e.err == nil || e.err.Reason != "CHANGE_IN_PROGRESS" || e.err.Kind != fault.Unavailable || e.err.RetryAfter <= 0 || !strings.HasPrefix(e.err.Public, test.text) || e.Replayed {
					t.Fatalf("answered %q %t: %v", e, e.Replayed, e.err)
				}
				if names := e.err.Detail == "change i-a of request r-a"; names == (test.text == another) {
					t.Errorf("the detail is %q", e.err.Detail)
				}
				want(t, first, "a number 1", false)
			})
		})
	}
}

// An outcome that cannot be kept is not waited for either.
func TestNobodyWaitsForTheRecordsLongerThanThePatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		r := life(t, d, w, func(c *idempotency.Config) { c.Patience = 15 * time.Second })
		began := time.Now()
		first := r.run(t.Context(), on(keyed("k", "a"), "o"), func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
			r.link.set(true, false)
			return w.act(op, "a"), nil
		})
		time.Sleep(time.Second)
		second := r.do(t.Context(), on(keyed("k", "a"), "o"))
		for _, got := range []<-chan ended{first, second} {
			if e := <-got; e.err == nil || e.err.RetryAfter <= 0 || e.err.Kind != fault.Unavailable {
				t.Errorf("answered %q: %v", e, e.err)
			}
		}
		if waited := time.Since(began); waited > 20*time.Second {
			t.Errorf("they waited %s", waited)
		}
		r.link.set(false, false)
		want(t, r.do(t.Context(), on(keyed("k", "a"), "o")), "a number 1", true)
	})
}

// refused is the description of a change that may not be made now.
type refused struct{ describe }

func (refused) Admit(context.Context) error { return fault.New(fault.Throttled, "BUDGET_SPENT", "x") }

// Admit refuses a change before the change waits for its objects.
func TestACallIsAdmittedBeforeItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := life(t, newDisk(), newWorld(), nil)
		first := r.run(t.Context(), on(keyed("k", "a"), "o"), r.slow("a", time.Minute))
		synctest.Wait()
		second, repeat := on(keyed("l", "b"), "o"), on(keyed("k", "a"), "o")
		second.Description, repeat.Description = refused{}, refused{}
		began := time.Now()
		want(t, r.do(t.Context(), second), "BUDGET_SPENT", false)
		if waited := time.Since(began); waited > 0 {
			t.Errorf("it waited %s", waited)
		}
		// A repeat needs nothing.
		replayed := r.do(t.Context(), repeat)
		want(t, first, "a number 1", false)
		want(t, replayed, "a number 1", true)
		want(t, r.do(t.Context(), repeat), "a number 1", true)
	})
}
