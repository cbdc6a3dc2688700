package guarantees_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestAProgramThatRestartsSlowlyAlsoRuns(t *testing.T) {
	for _, restart := range []time.Duration{300 * time.Millisecond, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			restarted := time.Now()
			times := again(ctx, 2*time.Second, func() {
				if ran := time.Since(restarted); ran != 2*time.Second {
					t.Errorf("killed %s after its restart, want 2 s", ran)
				}
				time.Sleep(restart)
				restarted = time.Now()
			})
			if n, want := times(), int(time.Minute/(2*time.Second+restart)); n < want {
				t.Errorf("with restarts of %s: %d in a minute, want %d", restart, n, want)
			}
		})
	}
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
