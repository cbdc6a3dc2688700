package spending_test

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestIdleCostGrowsWithReplicasAlone counts store requests of idle replicas. STOREKEEPER_SCALE selects the
// sizes of docs/scale.md, which take minutes.
func TestIdleCostGrowsWithReplicasAlone(t *testing.T) {
	t.Parallel()
	type size struct{ replicas, credentials int }
	sizes := []size{{2, 1}, {2, 50}, {10, 50}}
	if os.Getenv("STOREKEEPER_SCALE") != "" {
		sizes = []size{{1, 1000}, {10, 1}, {10, 100}, {10, 1000}, {30, 1000}, {100, 1}, {100, 100}, {100, 1000}}
	}
	for _, s := range sizes {
		t.Run(fmt.Sprintf("%d replicas and %d credentials", s.replicas, s.credentials), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 5, 1200, 5*time.Minute)
				for i := range s.credentials - 1 {
					c.cfg.Accounts = append(c.cfg.Accounts, account(i))
				}
				begun := time.Now()
				all := make(chan *replica, s.replicas)
				for range s.replicas {
					go func() { all <- c.start() }()
				}
				var replicas []*replica
				for range s.replicas {
					replicas = append(replicas, <-all)
				}
				// Slots move until all have their part.
				var perSecond float64
				var last int64
				for quiet := 0; quiet < 3 && time.Since(begun) < time.Hour; {
					last = c.asked.Load()
					time.Sleep(15 * time.Second)
					perSecond = float64(c.asked.Load()-last) / 15 / float64(s.replicas)
					if quiet++; perSecond > 2 {
						quiet = 0
					}
				}
				t.Logf("%d questions in %s until all had their parts", last, time.Since(begun))
				last = c.asked.Load()
				time.Sleep(time.Minute)
				perSecond = float64(c.asked.Load()-last) / 60 / float64(s.replicas)
				t.Logf("idle: %.2f questions a second and replica", perSecond)
				if perSecond > 1 {
					t.Errorf("an idle replica asks the store %.2f times a second", perSecond)
				}
				for _, one := range replicas {
					one.dies()
				}
			})
		})
	}
}
