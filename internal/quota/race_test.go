package quota_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/quota"
	"platform.internal/storekeeper/internal/upstream"
)

// race has many ask at once, through two clients in turn, and gives how many
// succeeded. Any end but success and a limit is an error.
func race(t *testing.T, clients [2]*counted, n int, name func(i int) string) int {
	t.Helper()
	var all sync.WaitGroup
	var made atomic.Int64
	for i := range n {
		all.Go(func() {
			_, err := create(as(name(i)), clients[i%2], 1)
			switch {
			case err == nil:
				made.Add(1)
			case want(err, fault.LimitReached) != nil:
				t.Error(err)
			}
		})
	}
	all.Wait()
	return int(made.Load())
}

func pair(f *cloudflare, limits []quota.Rule) [2]*counted {
	kept := newMemory()
	return [2]*counted{client(f, kept, limits), client(f, kept, limits)}
}

func upTo(d time.Duration) func() time.Duration {
	return func() time.Duration { return rand.N(d) }
}

// TestLastPlacesOfAnAccountGoToOneCallerEach: replicas share one store, and the last places of an account go
// to as many changes. Cloudflare refuses none, and no place stays free.
func TestLastPlacesOfAnAccountGoToOneCallerEach(t *testing.T) {
	for seed := range 20 {
		synctest.Test(t, func(t *testing.T) {
			f := newCloudflare(100)
			f.fill(70)
			f.slow, f.slowRead = upTo(100*time.Millisecond), upTo(20*time.Millisecond)
			for range 5 {
				f.answers = append(f.answers, fault.New(fault.NameTaken, "SECRET_NAME_ALREADY_EXISTS", "Taken."))
			}
			var failed atomic.Int64
			clients := pair(f, rules(1, 10))
			var all sync.WaitGroup
			for i := range 60 {
				all.Go(func() {
					_, err := create(as(fmt.Sprintf("tenant-%d", i)), clients[i%2], 1)
					if err != nil && fault.From(err).Kind != fault.LimitReached {
						failed.Add(1)
					}
				})
			}
			all.Wait()
			if f.refused > 0 || len(f.secrets) != 100 || failed.Load() != 5 {
				t.Errorf("round %d: Cloudflare has %d secrets and refused %d; %d failed", seed, len(f.secrets), f.refused, failed.Load())
			}
			if f.readings > 60 {
				t.Errorf("round %d: the quota was read %d times", seed, f.readings)
			}
		})
	}
}

func TestTenantsRaceForTheirOwnLastPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newCloudflare(1000)
		f.slow = upTo(time.Second)
		clients := pair(f, rules(1, 7))
		if made := race(t, clients, 100, func(i int) string { return fmt.Sprintf("tenant-%d", i%5) }); made != 35 || len(f.secrets) != 35 {
			t.Errorf("%d were made, and there are %d, want 35", made, len(f.secrets))
		}
		if made := race(t, clients, 10, func(int) string { return "tenant-1" }); made != 0 {
			t.Errorf("%d more were made", made)
		}
	})
}

// TestCountsFollowWhatComesAndGoes: after many creates and deletes the counts equal the objects.
func TestCountsFollowWhatComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newCloudflare(1000)
		f.slow, f.slowRead = upTo(50*time.Millisecond), upTo(50*time.Millisecond)
		clients := pair(f, rules(1, 4))
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				for range 5 {
					c := clients[rand.N(2)]
					ids, err := create(as(fmt.Sprintf("tenant-%d", i%4)), c, 1)
					if err != nil {
						continue
					}
					if _, err := c.DeleteSecret(as("cleaner"), upstream.SecretParams{Account: account, StoreID: store, SecretID: ids[0]}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if made := race(t, clients, 40, func(i int) string { return fmt.Sprintf("tenant-%d", i%4) }); made != 16 || len(f.secrets) != 16 {
			t.Errorf("%d were made, and there are %d, want 16", made, len(f.secrets))
		}
	})
}

// TestPlaceOfALostChangeIsNotGivenAway: a lost change may have used the last place, so no other change gets
// the place until the outcome is known.
func TestPlaceOfALostChangeIsNotGivenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newCloudflare(100)
		f.fill(98)
		f.answers = []error{fault.New(fault.Unavailable, fault.ReasonUpstreamAnswerLost, "Nobody knows.")}
		clients := pair(f, rules(1, 10))
		if _, err := create(as("a"), clients[0], 1); err == nil {
			t.Fatal("no answer was lost")
		}
		if made := race(t, clients, 10, func(i int) string { return fmt.Sprint(i) }); made != 1 || f.refused != 0 {
			t.Errorf("%d were made and %d refused by Cloudflare", made, f.refused)
		}
		clients[0].settle(t, quota.Ended{})
		if made := race(t, clients, 10, func(i int) string { return fmt.Sprint(i) }); made != 1 || f.refused != 0 {
			t.Errorf("%d more were made and %d refused by Cloudflare", made, f.refused)
		}
	})
}
