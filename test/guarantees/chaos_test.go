package guarantees_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/store/postgrestest"
	"platform.internal/storekeeper/test/guarantees/calls"
	"platform.internal/storekeeper/test/guarantees/fleet"
)

const (
	// chaosSeconds names the variable that says for how long chaos lasts.
	chaosSeconds = "STOREKEEPER_REPLICAS_SECONDS"
	// quotaLimit is how many secrets the tenant with a quota may have.
	quotaLimit = 6
	// quotaPrefix begins the names of the secrets under quota.
	quotaPrefix = "quota-"
)

// chaosBudget is small enough to be used up, beside the load of the crowd.
func chaosBudget() scale { return scale{900, 15 * time.Second} }

// chaos is a world in which everything fails.
type chaos struct {
	w *world
	// wires are the networks of each replica to the two servers of the pair.
	wires [][2]*fleet.Wire
	// primary is the index of the server of the pair that accepts writes.
	pair    [2]*postgrestest.Server
	primary int
	border  *fleet.Border
	account *carried

	mu     sync.Mutex
	faults map[string]int
	reads  atomic.Int64
}

// TestReplicasKeepTheirPromisesInChaos has two and three replicas on a synchronous
// pair of PostgreSQL servers, all of which are killed, stopped, ended and cut off
// while callers change and read secrets.
func TestReplicasKeepTheirPromisesInChaos(t *testing.T) {
	t.Parallel()
	sizes := []int{2}
	if lasting() {
		sizes = []int{2, 3}
	}
	for _, replicas := range sizes {
		t.Run(fmt.Sprint(replicas, " replicas"), func(t *testing.T) {
			newChaos(t, replicas).run(chaosLength(t))
		})
	}
}

// lasting says that the long form was ordered.
func lasting() bool { return long() || os.Getenv(chaosSeconds) != "" }

// chaosLength is the duration of the chaos for one number of replicas.
func chaosLength(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv(chaosSeconds)
	if text == "" {
		return length(t, 20*time.Second)
	}
	d, err := time.ParseDuration(text + "s")
	if err != nil || d <= 0 {
		t.Fatalf("%s is %q, not a number of seconds", chaosSeconds, text)
	}
	return d / 2
}

func newChaos(t *testing.T, replicas int) *chaos {
	t.Helper()
	b := chaosBudget()
	c := &chaos{faults: map[string]int{}, account: newCarried()}
	callers := 6
	s := fleet.Settings{Calls: b.calls, Window: b.window, SecretQuotas: map[string]int{"quota": quotaLimit}}
	for i := range callers {
		s.Callers = append(s.Callers, fleet.Caller{Name: callerName(i)})
	}
	for _, name := range []string{"hog", "quota"} {
		s.Callers = append(s.Callers, fleet.Caller{Name: name})
	}
	// A standby that returns must find the write-ahead log that it missed.
	c.w = build(t, plan{replicas: replicas, settings: s, postgres: []string{"wal_keep_size=512MB"}, alter: func(w *world, _ int, own *fleet.Settings) {
		if c.pair[0] == nil {
			c.pair[0] = w.postgres
			// The standby gets this setting too, for its time as the primary.
			c.pair[0].Exec(postgrestest.Superuser, "alter system set synchronous_standby_names = '*'", "select pg_reload_conf()")
			c.pair[1] = w.postgres.Standby()
			c.pair[0].InSync()
		}
		wires := [2]*fleet.Wire{fleet.StartWire(t, c.pair[0].Address()), fleet.StartWire(t, c.pair[1].Address())}
		c.wires = append(c.wires, wires)
		own.Postgres = []string{wires[0].Address(), wires[1].Address()}
	}})
	c.border = &fleet.Border{Loss: 0.08, Carried: c.account.add}
	c.w.cf.WatchBorder(c.border)
	return c
}

// run makes calls, injects faults for a while, and then checks the guarantees.
func (c *chaos) run(lasts time.Duration) {
	t := c.w.t
	ids := c.w.fill(1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	patience, rest := 3*time.Second, 3*time.Second
	if lasting() {
		patience, rest = takeover, 5*time.Second
	}
	crowd := newCrowd(c.w, 6, patience)
	crowd.killed = true
	var all sync.WaitGroup
	all.Go(func() { crowd.play(ctx, 2*time.Second) })
	for i := range 2 {
		all.Go(func() { c.churn(ctx, i) })
	}
	for i := range 12 {
		all.Go(func() { c.hog(ctx, i, ids[0]) })
	}
	// A machine that is too busy for the first change makes none in chaos.
	eventually(t, "the callers make changes", 2*takeover, c.account.begun)
	defer time.AfterFunc(lasts, cancel).Stop()
	all.Go(func() { c.disturb(ctx, rest, c.ofReplicas()) })
	all.Go(func() { c.disturb(ctx, 2*rest, c.ofServers()) })
	all.Wait()
	c.heal()
	b := chaosBudget()
	most := c.border.Most(b.window)
	t.Logf("faults: %v; at most %d of %d calls in any %s, %d in all; %d reads beside the crowd", c.faults, most, b.calls, b.window, len(c.border.Arrivals()), c.reads.Load())
	if most > b.calls {
		t.Errorf("%d calls arrived within %s, and the budget has %d", most, b.window, b.calls)
	}
	crowd.check(t)
	c.account.judge(t, c.w.replicas[0].Trail(), &crowd.updates)
	c.checkQuota()
	if said, err := c.w.replicas[0].VerifyTrail(); err != nil {
		t.Errorf("audit verify: %v\n%s", err, said)
	}
}

// hog uses the budget up.
func (c *chaos) hog(ctx context.Context, number int, id string) {
	client := c.w.rest("hog", c.w.replicas[number%len(c.w.replicas)])
	for ctx.Err() == nil {
		limited, cancel := context.WithTimeout(ctx, oneTry)
		if client.Get(limited, calls.Mark{Fresh: true}, id).Verdict == calls.Done {
			c.reads.Add(1)
		} else {
			pause(ctx, 200*time.Millisecond)
		}
		cancel()
	}
}

// churn makes secrets of the tenant with a quota, and deletes them.
func (c *chaos) churn(ctx context.Context, number int) {
	var mine []string
	for i := 0; ctx.Err() == nil; i++ {
		client := c.w.rest("quota", c.w.replicas[rand.IntN(len(c.w.replicas))])
		limited, cancel := context.WithTimeout(ctx, oneTry)
		if len(mine) > 0 && rand.IntN(2) == 0 {
			if !client.Delete(limited, calls.Mark{Key: "delete-" + mine[0]}, mine[0]).Verdict.Again() {
				mine = mine[1:]
			}
		} else {
			name := fmt.Sprintf("%s%d-%d", quotaPrefix, number, i)
			a := client.Create(limited, calls.Mark{Key: name}, name, calls.Write{Value: "v", Scopes: "workers"})
			switch {
			case a.Verdict == calls.Done:
				mine = append(mine, a.Secrets[0].ID)
			case a.Verdict != calls.Full && !a.Verdict.Again():
				c.w.t.Errorf("an answer that should never come: %s", a.Said)
			}
		}
		cancel()
		pause(ctx, time.Duration(rand.IntN(100))*time.Millisecond)
	}
}

// checkQuota fills the quota: the counts of the replicas must equal the number of secrets.
func (c *chaos) checkQuota() {
	t := c.w.t
	t.Helper()
	if c.account.mostOfQuota > quotaLimit {
		t.Errorf("the tenant had %d secrets, and its quota is %d", c.account.mostOfQuota, quotaLimit)
	}
	full := false
	for i := 0; i < 10*quotaLimit && !full; i++ {
		name := fmt.Sprintf("%slast-%d", quotaPrefix, i)
		a := c.w.settled(c.w.rest("quota", c.w.replicas[i%len(c.w.replicas)]), name)
		if full = a.Verdict == calls.Full; !full && a.Verdict != calls.Done {
			t.Fatalf("a secret of the quota: %s", a.Said)
		}
	}
	if n := len(c.w.at(quotaPrefix)); n != quotaLimit {
		t.Errorf("the quota is full with %d secrets, and its limit is %d", n, quotaLimit)
	}
	t.Logf("the tenant with a quota of %d had %d secrets at most", quotaLimit, c.account.mostOfQuota)
}

// heal ends all faults and waits until nothing is open.
func (c *chaos) heal() {
	c.border.Stop()
	for _, r := range c.w.replicas {
		eventually(c.w.t, "no change is open", 2*takeover, func() bool {
			return strings.Contains(r.Metrics(), "\nstorekeeper_intents_open 0\n")
		})
	}
}
