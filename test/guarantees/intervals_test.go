package guarantees_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestAProgramThatRestartsSlowlyAlsoRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var restarted time.Time
		times := again(ctx, 2*time.Second, func() {
			if ran := time.Since(restarted); ran < time.Second {
				t.Errorf("killed %s after its restart", ran)
			}
			time.Sleep(5 * time.Second)
			restarted = time.Now()
		})
		if n := times(); n < 10 {
			t.Errorf("%d restarts in a minute, want one every 6 s", n)
		}
	})
}

func TestAQuickRestartKeepsTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 101*time.Second)
		defer cancel()
		if n := again(ctx, 2*time.Second, func() { time.Sleep(500 * time.Millisecond) })(); n != 50 {
			t.Errorf("%d restarts, want one every 2 s", n)
		}
	})
}

func TestATestLastsUntilItHasEnough(t *testing.T) {
	for name, c := range map[string]struct{ enough, lasts time.Duration }{
		"it has enough early":    {0, 10 * time.Second},
		"it has enough late":     {15 * time.Second, 15 * time.Second},
		"it never has enough":    {time.Hour, 10*time.Second + takeover},
		"it has enough in time":  {10 * time.Second, 10 * time.Second},
		"it has enough too late": {takeover + 20*time.Second, 10*time.Second + takeover},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				ctx, cancel := lastingFor(t.Context(), 10*time.Second, func() bool { return time.Since(began) >= c.enough })
				defer cancel()
				<-ctx.Done()
				if lasted := time.Since(began); lasted != c.lasts {
					t.Errorf("the test lasted %s, want %s", lasted, c.lasts)
				}
			})
		})
	}
}
