package idempotency_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/idempotency"
)

func TestConfigurationsThatCannotWork(t *testing.T) {
	for name, edit := range map[string]func(*idempotency.Config){
		"no records":            func(c *idempotency.Config) { c.Store = nil },
		"no name":               func(c *idempotency.Config) { c.Replica = "" },
		"a short pepper":        func(c *idempotency.Config) { c.Pepper = c.Pepper[1:] },
		"less than a day":       func(c *idempotency.Config) { c.Retention = 24*time.Hour - 1 },
		"a negative retention":  func(c *idempotency.Config) { c.Retention = -1 },
		"a negative window":     func(c *idempotency.Config) { c.RetryWindow = -1 },
		"a negative lease":      func(c *idempotency.Config) { c.Lease = -1 },
		"a negative limit":      func(c *idempotency.Config) { c.Limit = -1 },
		"a negative settlement": func(c *idempotency.Config) { c.Settle = -1 },
		"no way to recover":     func(c *idempotency.Config) { c.Recover = nil },
	} {
		t.Run(name, func(t *testing.T) {
			c := idempotency.Config{
				Store: &link{disk: newDisk()}, Replica: "r", Pepper: make([]byte, 32), Recover: newWorld().recover,
			}
			if _, err := idempotency.New(c); err != nil {
				t.Fatalf("the others are refused: %v", err)
			}
			edit(&c)
			if _, err := idempotency.New(c); err == nil {
				t.Error("it was accepted")
			}
		})
	}
}

func TestCloseWaitsForWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		r := life(t, d, newWorld(), nil)
		ctx, leave := context.WithCancel(t.Context())
		got := r.run(ctx, on(keyed("k", "a"), "o"), r.slow("a", 10*time.Second))
		synctest.Wait()
		leave()
		<-got
		time.AfterFunc(time.Second, func() {
			want(t, r.do(t.Context(), keyed("l", "b")), "SHUTTING_DOWN", false)
			want(t, r.do(t.Context(), keyed("k", "a")), "a number 1", true)
		})
		began := time.Now()
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if waited := time.Since(began); waited != 10*time.Second {
			t.Errorf("waited %s", waited)
		}
		nothingOpen(t, d)
		want(t, r.do(t.Context(), keyed("l", "b")), "SHUTTING_DOWN", false)
	})
}

func TestCloseEndsWhatRunsTooLong(t *testing.T) {
	for name, run := range map[string]func(ctx context.Context, op *idempotency.Operation) ([]byte, error){
		"and heeds its context": func(ctx context.Context, _ *idempotency.Operation) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
		"and does not": func(context.Context, *idempotency.Operation) ([]byte, error) {
			time.Sleep(time.Minute)
			return nil, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDisk()
				r := life(t, d, newWorld(), nil)
				var began *idempotency.Operation
				got := r.run(t.Context(), on(keyed("k", "a"), "o"), func(ctx context.Context, op *idempotency.Operation) ([]byte, error) {
					began = op
					return run(ctx, op)
				})
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				closed := time.Now()
				if err := r.Close(ctx); err == nil {
					t.Error("closed as if nothing was left")
				}
				if waited := time.Since(closed); waited > 11*time.Second {
					t.Errorf("waited %s", waited)
				}
				if began.Held() {
					t.Error("it may still send")
				}
				if n := len(d.names("open/")); n != 1 {
					t.Errorf("%d are left for the next life", n)
				}
				time.Sleep(time.Minute)
				if e := <-got; e.err == nil {
					t.Errorf("answered %q", e)
				}
			})
		})
	}
}
