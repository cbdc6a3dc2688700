package guarantees_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/test/guarantees/fleet"
	"platform.internal/storekeeper/test/guarantees/puts"
)

// crowdOfPutters puts secrets as many concurrent callers, and records the answers.
type crowdOfPutters struct {
	w    *world
	book *puts.Book
	// shared are names that all put, next to names of each caller's own.
	shared  []string
	callers int
	sent    atomic.Int64
}

// caller puts one secret after the other until ctx ends. A put that is not
// acknowledged is repeated unchanged, without a key, until it is acknowledged.
func (c *crowdOfPutters) caller(ctx context.Context, number int, seed uint64) {
	r := rand.New(rand.NewPCG(seed, uint64(number)))
	key := fleet.Caller{Name: callerName(number)}.Key()
	for n := 0; ctx.Err() == nil; n++ {
		p := puts.Put{Name: fmt.Sprintf("own_%d_%d", number, n/4), Value: fmt.Sprintf("v_%d_%d", number, n/2)}
		if r.IntN(3) > 0 {
			p.Name = c.shared[r.IntN(len(c.shared))]
			if r.IntN(2) == 0 {
				// Others put this value too.
				p.Value = fmt.Sprintf("v_same_%d", r.IntN(2))
			}
		}
		list := []puts.Put{p}
		if r.IntN(10) == 0 {
			// A batch: the own name, too.
			list = append(list, puts.Put{Name: fmt.Sprintf("own_%d_b%d", number, n), Value: "v_batch"})
		}
		op := c.book.Begin(list)
		for {
			replica := c.w.replicas[r.IntN(len(c.w.replicas))]
			client := puts.Client{HTTP: c.w.http, Root: replica.REST, Conn: replica.GRPC, Key: key, Account: fleet.Account}
			c.sent.Add(1)
			told, failure := client.Put(r.IntN(2) == 0, list)
			if op.Told(told) {
				break
			}
			if failure != "" && !puts.MayRepeat(failure) {
				c.w.t.Errorf("%v was refused: %s", list, failure)
				break
			}
			time.Sleep(time.Duration(20+r.IntN(100)) * time.Millisecond)
		}
		time.Sleep(time.Duration(r.IntN(30)) * time.Millisecond)
	}
}

// play has all callers put until the time is over and each outcome came, and
// everything be answered.
func (c *crowdOfPutters) play(d time.Duration, rest time.Duration) (killed int) {
	ctx, cancel := lastingFor(c.w.t.Context(), d, func() bool { return len(c.book.Outcomes()) >= len(outcomesOfPuts()) })
	defer cancel()
	seed := uint64(time.Now().UnixNano())
	c.w.t.Logf("the seed is %d", seed)
	killing := kill(ctx, rest, c.w.replicas...)
	var all sync.WaitGroup
	for i := range c.callers {
		all.Go(func() { c.caller(ctx, i, seed) })
	}
	all.Wait()
	return killing()
}

// outcomesOfPuts are the outcomes that a test must have seen.
func outcomesOfPuts() []string { return []string{"CREATED", "UPDATED", "UNCHANGED"} }

// check compares the answers with Cloudflare's state.
func (c *crowdOfPutters) check() {
	t := c.w.t
	at := map[string]int{}
	for _, s := range c.w.at("") {
		at[s.Name]++
	}
	for name, n := range at {
		if n != 1 {
			t.Errorf("%d secrets are named %s", n, name)
		}
	}
	for _, wrong := range c.book.Check(func(name string) (string, bool) {
		return c.w.cf.Value(fleet.Account, c.w.place.Store, name)
	}) {
		t.Error(wrong)
	}
}

func TestManyPutsEndInTheLastAcknowledgedValue(t *testing.T) {
	t.Parallel()
	fewer := 30
	if long() {
		fewer = 100
	}
	for name, of := range map[string]struct{ replicas, callers int }{"one replica": {1, 100}, "two replicas": {2, fewer}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := build(t, plan{replicas: of.replicas, callers: of.callers, settings: fleet.Settings{Fingerprints: true}})
			c := &crowdOfPutters{w: w, book: puts.NewBook(), callers: of.callers, shared: []string{"shared_a", "shared_b", "shared_c"}}
			w.inject(upsets()...)
			killed := c.play(length(t, 3*time.Second), time.Second)
			w.cf.ClearFaults()
			c.check()
			t.Logf("%d calls, %d puts acknowledged, %d kills: %v", c.sent.Load(), c.book.Acknowledged(), killed, c.book.Outcomes())
			for _, outcome := range outcomesOfPuts() {
				if c.book.Outcomes()[outcome] == 0 {
					t.Errorf("no put was %s: the test has lost its sense", outcome)
				}
			}
		})
	}
}
