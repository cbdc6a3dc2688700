package idempotency_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
)

func TestChangesOfAnObjectFollowEachOther(t *testing.T) {
	for name, test := range map[string]struct {
		first, second []string
		took          time.Duration
	}{
		"the same object":             {[]string{"a"}, []string{"a"}, 2 * time.Second},
		"one of several":              {[]string{"a", "b"}, []string{"c", "b"}, 2 * time.Second},
		"the same in another order":   {[]string{"a", "b"}, []string{"b", "a"}, 2 * time.Second},
		"the same named twice":        {[]string{"a", "a"}, []string{"a", "a"}, 2 * time.Second},
		"different objects":           {[]string{"a"}, []string{"b"}, time.Second},
		"none":                        {nil, nil, time.Second},
		"one whose name begins alike": {[]string{"a"}, []string{"ab"}, time.Second},
	} {
		for where, edit := range map[string]func(*idempotency.Config){"alone": nil, "together": together} {
			t.Run(name+" "+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := newDisk()
					r := life(t, d, newWorld(), edit)
					began := time.Now()
					first := r.run(t.Context(), on(plain("a"), test.first...), r.slow("a", time.Second))
					second := r.run(t.Context(), on(plain("b"), test.second...), r.slow("b", time.Second))
					want(t, first, "a number 1", false)
					want(t, second, "b number 1", false)
					if took := time.Since(began); took != test.took {
						t.Errorf("both took %s, want %s", took, test.took)
					}
					nothingOpen(t, d)
				})
			})
		}
	}
}

func TestObjectsAreGivenInTheOrderOfAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := life(t, newDisk(), newWorld(), nil)
		var order []int
		var all []<-chan ended
		for n := range 20 {
			// Each call shares an object with its neighbours.
			c := on(plain(strconv.Itoa(n)), strconv.Itoa(n), strconv.Itoa(n+1))
			all = append(all, r.run(t.Context(), c, func(context.Context, *idempotency.Operation) ([]byte, error) {
				order = append(order, n)
				time.Sleep(time.Second)
				return nil, nil
			}))
			synctest.Wait()
		}
		for _, got := range all {
			<-got
		}
		if !slices.IsSorted(order) || len(order) != 20 {
			t.Errorf("the order was %v", order)
		}
	})
}

func TestWhoWaitsForAnObjectMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r := life(t, d, newWorld(), nil)
		first := r.run(t.Context(), on(plain("a"), "o"), r.slow("a", 10*time.Second))
		synctest.Wait()
		ctx, leave := context.WithCancel(t.Context())
		second := r.do(ctx, on(keyed("k", "b"), "o", "p"))
		synctest.Wait()
		third := r.do(t.Context(), on(plain("c"), "p"))
		synctest.Wait()
		pending(t, third)
		leave()
		want(t, second, "CANCELED", false)
		want(t, third, "c number 1", false)
		want(t, first, "a number 1", false)
		if n := r.world.count("b"); n != 0 {
			t.Error("the change was made after its caller had left")
		}
		nothingOpen(t, d)
	})
}

func TestAnObjectThatIsHeldForTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), newWorld()
		waits := func(c *idempotency.Config) { c.Alone, c.Patience = false, 85*time.Second }
		one, two := life(t, d, w, waits), life(t, d, w, waits)
		first := one.run(t.Context(), on(plain("a"), "o"), one.slow("a", 80*time.Second))
		time.Sleep(time.Second)
		short, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		want(t, two.do(short, on(plain("b"), "o")), "DEADLINE_EXCEEDED", false)
		next := one.run(t.Context(), on(plain("a"), "o"), one.slow("a", 80*time.Second))
		time.Sleep(time.Second)
		blocked := two.do(t.Context(), on(plain("c"), "o"))
		want(t, first, "a number 1", false)
		want(t, next, "a number 2", false)
		e := <-blocked
		if e.err == nil || e.err.Reason != "CHANGE_IN_PROGRESS" || e.err.Kind != fault.Unavailable || e.err.RetryAfter != 5*time.Second {
			t.Errorf("answered %q", e)
		}
		nothingOpen(t, d)
	})
}

func TestTheIntentIsAskedWithTheObjectsLocked(t *testing.T) {
	for where, edit := range map[string]func(*idempotency.Config){"alone": nil, "together": together} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := life(t, newDisk(), newWorld(), edit)
				state, asked := "old", 0
				first := r.run(t.Context(), on(plain("a"), "o"), func(context.Context, *idempotency.Operation) ([]byte, error) {
					time.Sleep(time.Second)
					state = "new"
					return nil, nil
				})
				synctest.Wait()
				c := on(keyed("k", "b"), "o")
				c.Description = describe(func() (idempotency.Intent, error) {
					asked++
					return idempotency.Intent{Tenant: "t", Baseline: []byte(strconv.Quote(state))}, nil
				})
				second := r.run(t.Context(), c, func(_ context.Context, op *idempotency.Operation) ([]byte, error) {
					i := op.Intent
					if string(i.Baseline) != `"new"` || i.ID == "" || i.Caller != "anna" || i.Method != "/Create" ||
						i.Tenant != "t" || !slices.Equal(i.Objects, c.Objects) || !i.Began.Equal(time.Now()) {
						t.Errorf("the intent is %+v", i)
					}
					return nil, nil
				})
				<-first
				want(t, second, "", false)
				<-r.run(t.Context(), c, unsent)
				if limit := map[bool]int{true: 1, false: 2}[edit == nil]; asked != limit {
					t.Errorf("asked %d times, want %d", asked, limit)
				}
			})
		})
	}
}

func TestWhatAnotherReplicaChangedBeforeTheLock(t *testing.T) {
	for name, test := range map[string]struct {
		second func() (idempotency.Intent, error)
		want   string
		runs   int
	}{
		"is read again": {func() (idempotency.Intent, error) {
			return idempotency.Intent{Baseline: []byte(`"new"`)}, nil
		}, "a number 1", 1},
		"cannot be read again": {func() (idempotency.Intent, error) {
			return idempotency.Intent{}, fault.New(fault.NotFound, "STORE_NOT_FOUND", "x")
		}, "STORE_NOT_FOUND", 0},
		"is read with a panic": {func() (idempotency.Intent, error) { panic("once more") }, "INTERNAL", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, asked := newDisk(), 0
				r := life(t, d, newWorld(), together)
				c := on(keyed("k", "a"), "o")
				c.Description = describe(func() (idempotency.Intent, error) {
					if asked++; asked == 1 {
						return idempotency.Intent{Baseline: []byte(`"old"`), Began: time.Unix(7, 0)}, nil
					}
					return test.second()
				})
				got := r.run(t.Context(), c, func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
					kept, ok := r.Peek(ctx, &c)
					i := op.Intent
					if !ok || string(kept.Baseline) != `"new"` || string(i.Baseline) != `"new"` || kept.ID != i.ID || !kept.Began.Equal(time.Unix(7, 0)) {
						t.Errorf("kept %+v, running %+v", kept, i)
					}
					return r.world.act(op, "a"), nil
				})
				want(t, got, test.want, false)
				if name == "is read with a panic" {
					// The search for orphans finds the intent.
					time.Sleep(10 * time.Second)
				}
				synctest.Wait()
				if n := r.world.count("a"); n != test.runs {
					t.Errorf("made %d times", n)
				}
				nothingOpen(t, d)
				if test.runs == 0 && len(d.names("call/")) > 0 {
					t.Error("the call is still known")
				}
			})
		})
	}
}
