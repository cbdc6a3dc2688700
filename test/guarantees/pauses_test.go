package guarantees_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/test/guarantees/calls"
	"platform.internal/storekeeper/test/guarantees/fleet"
)

const (
	// crowded is the number of changes in progress at the pause of a replica.
	crowded = 30
	// spread is the time over which the changes begin, and the longest time from
	// the first change at Cloudflare to the pause, so that some changes are at each
	// step.
	spread = 60 * time.Millisecond
)

// TestPausesAtAnyStepLeaveNewerChangesStanding pauses a replica that has many
// changes under way, each at another step. The replicas take turns.
func TestPausesAtAnyStepLeaveNewerChangesStanding(t *testing.T) {
	t.Parallel()
	// Each change gets a new connection, which takes some time.
	w := build(t, plan{replicas: 2, callers: 2, alter: func(w *world, _ int, s *fleet.Settings) {
		tunnel := w.cf.Tunnel(w.t)
		s.Cloudflare, s.Env = tunnel.URL, tunnel.Env
	}})
	ids := make([]string, crowded)
	for i := range ids {
		made := must(t, "create", w.settled(w.rest("c1", w.replicas[1]), pausedName(i)))
		ids[i] = made.Secrets[0].ID
	}
	end := time.Now().Add(length(t, 0))
	for round := 0; round == 0 || time.Now().Before(end); round++ {
		w.pauseAmongChanges(round, ids)
	}
	if said, err := w.replicas[0].VerifyTrail(); err != nil {
		t.Errorf("audit verify: %v\n%s", err, said)
	}
}

func pausedName(i int) string { return fmt.Sprintf("n%d", i) }

// pauseAmongChanges pauses one replica among changes, has the other replica
// change the same secrets, and releases the paused replica.
func (w *world) pauseAmongChanges(round int, ids []string) {
	w.t.Helper()
	paused, other := w.replicas[round%2], w.replicas[(round+1)%2]
	var old sync.WaitGroup
	// done is when the callers of the old changes were told that they were made.
	done := make([]time.Time, len(ids))
	for i, id := range ids {
		delay, mark := rand.N(spread), calls.Mark{Key: fmt.Sprintf("old-%d-%d", round, i)}
		old.Go(func() {
			time.Sleep(delay)
			a := w.rest("c0", paused).Update(context.Background(), mark, id, calls.Write{Value: fmt.Sprint("old ", round)})
			if a.Verdict == calls.Done {
				done[i] = time.Now()
			}
		})
	}
	w.firstChange()
	time.Sleep(rand.N(spread))
	paused.Pause()
	newer := w.changeAll(round, other, ids)
	paused.Resume()
	old.Wait()
	eventually(w.t, "no change is open", takeover, func() bool {
		return strings.Contains(paused.Metrics(), "\nstorekeeper_intents_open 0\n")
	})
	before, wrong := 0, 0
	for i := range ids {
		if done[i].After(newer[i]) {
			// The replica began the change after the pause, so the change is the newer one.
			continue
		}
		before++
		if value, _ := w.cf.Value(fleet.Account, w.place.Store, pausedName(i)); value != newerValue(round) {
			wrong++
		}
	}
	w.t.Logf("round %d: %d of %d changes were under way or done at the pause", round, before, len(ids))
	if wrong > 0 {
		w.t.Errorf("round %d: %d secrets have an old value over a newer acknowledged one", round, wrong)
	}
}

// firstChange waits until Cloudflare has answered a change.
func (w *world) firstChange() {
	w.t.Helper()
	came, once := make(chan struct{}), sync.Once{}
	w.cf.Watch(func(r *http.Request, _ int) {
		if r.Method == http.MethodPatch {
			once.Do(func() { close(came) })
		}
	})
	select {
	case <-came:
	case <-time.After(takeover):
		w.t.Fatal("no change comes to Cloudflare")
	}
}

func newerValue(round int) string { return fmt.Sprint("newer ", round) }

// changeAll changes all secrets, and gives when each change was acknowledged.
func (w *world) changeAll(round int, at *fleet.Replica, ids []string) []time.Time {
	var all sync.WaitGroup
	times := make([]time.Time, len(ids))
	for i, id := range ids {
		mark := calls.Mark{Key: fmt.Sprintf("newer-%d-%d", round, i)}
		all.Go(func() {
			late := time.Now().Add(takeover)
			for times[i].IsZero() && time.Now().Before(late) {
				a := w.rest("c1", at).Update(context.Background(), mark, id, calls.Write{Value: newerValue(round)})
				if a.Verdict == calls.Done {
					times[i] = time.Now()
				} else {
					time.Sleep(200 * time.Millisecond)
				}
			}
			if times[i].IsZero() {
				w.t.Errorf("round %d: not within %s: a newer change of %s", round, takeover, pausedName(i))
			}
		})
	}
	all.Wait()
	return times
}
