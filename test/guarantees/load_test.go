package guarantees_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/test/guarantees/calls"
	"platform.internal/storekeeper/test/guarantees/fleet"
)

const (
	// budgetBlock is longer than a test, so that a call too many ends it.
	budgetBlock = 10 * time.Minute
	// urgentEvery is the interval of rotations and deletes beside the load. That
	// is less than a fair share, because many urgent changes get no priority.
	urgentEvery = time.Second
	// urgentSecrets are there for that. All but rotated of them may be deleted.
	urgentSecrets, rotated = 40, 10
)

// scale is a budget like Cloudflare's 1,200 calls in 5 minutes, in less time.
type scale struct {
	calls  int
	window time.Duration
}

// tenant wants more calls than the budget has.
type tenant struct {
	name string
	// at has the replicas that the tenant calls.
	at []*fleet.Replica
	// wants is the number of its calls that wait at any time.
	wants int
	done  atomic.Int64
}

// rush is load on a budget that two replicas share.
type rush struct {
	scale

	w       *world
	tenants []*tenant
	asked   atomic.Int64
	spent   atomic.Int64
	// from has the counts at the begin of the measurement.
	from struct {
		asked, spent int64
		shares       []float64
	}
	// waits are how long rotations and deletes took, copies how long copies took that
	// were made.
	waits, copies []time.Duration
	mu            sync.Mutex // Guards copies.
}

// newRush starts two replicas with a scaled budget, for as many tenants.
func newRush(t *testing.T, s scale, tenants int) *rush {
	t.Helper()
	r := &rush{scale: s}
	r.w = build(t, plan{
		replicas: 2, callers: tenants + 1,
		// No rotation fails because the machine has much else to write.
		settings: fleet.Settings{Calls: s.calls, Window: s.window, MaxWait: 5 * time.Second, StoreWait: 10 * time.Second},
		cloudflare: emulator.Config{
			Accounts:  []emulator.Account{{ID: fleet.Account, SecretLimit: 100_000}},
			RateLimit: &emulator.RateLimit{Requests: s.calls, Window: s.window, Block: budgetBlock},
		},
	})
	for i := range tenants {
		r.tenants = append(r.tenants, &tenant{name: callerName(i), at: r.w.replicas, wants: 1})
	}
	r.from.shares = make([]float64, tenants)
	r.w.cf.Watch(func(q *http.Request, _ int) {
		if q.Header.Get("Authorization") == "Bearer "+fleet.Token {
			r.spent.Add(1)
		}
	})
	return r
}

// run lets all tenants call until ctx ends, and returns the function that waits
// for the end. Each call copies a different secret, since changes of one secret
// wait for each other. Copies, unlike creates, are never batched.
func (r *rush) run(ctx context.Context) func() {
	number := urgentSecrets
	for _, one := range r.tenants {
		number += one.wants
	}
	originals := r.w.fill(number)
	for _, replica := range r.w.replicas {
		// The list is read once, paid by a caller outside the load.
		must(r.w.t, "list", r.w.rest(r.spare(), replica).List(ctx, calls.Mark{}, ""))
	}
	var all sync.WaitGroup
	for _, one := range r.tenants {
		for i := range one.wants {
			client, original := r.w.rest(one.name, one.at[i%len(one.at)]), originals[number-1]
			number--
			all.Go(func() {
				// All at the same moment would load the machine more than the budget.
				pause(ctx, rand.N(time.Second))
				r.ask(ctx, one, client, original)
			})
		}
	}
	all.Go(func() { r.urgent(ctx, originals[:urgentSecrets]) })
	return all.Wait
}

// spare returns a caller that is not one of the tenants.
func (r *rush) spare() string { return callerName(len(r.tenants)) }

// ask makes one call after the other. A refused call is repeated soon,
// regardless of Retry-After.
func (r *rush) ask(ctx context.Context, one *tenant, client calls.Client, original string) {
	for i := 0; ctx.Err() == nil; i++ {
		r.asked.Add(1)
		began := time.Now()
		a := client.Duplicate(ctx, calls.Mark{}, original, fmt.Sprintf("%s-%d", original, i))
		switch {
		case a.Verdict == calls.Done:
			one.done.Add(1)
			r.mu.Lock()
			r.copies = append(r.copies, time.Since(began))
			r.mu.Unlock()
		case ctx.Err() != nil:
			return
		case a.Verdict == calls.Later:
			if storeIsSlow(a) {
				r.asked.Add(-1)
			}
			pause(ctx, comeAgain())
		default:
			r.w.t.Errorf("an answer that should never come: %s", a.Said)
			return
		}
	}
}

// storeIsSlow reports whether a call was refused because the PostgreSQL server did not
// write in time. Such a call asks for nothing of the budget: a machine that has too
// much else to do shows nothing about the budget.
func storeIsSlow(a calls.Answer) bool {
	return a.Verdict == calls.Later && (strings.Contains(a.Said, "budget_unknown") || strings.Contains(a.Said, "state_unavailable"))
}

// comeAgain is the wait after a refusal. Each refusal costs CPU time, and in
// the short form other tests run too.
func comeAgain() time.Duration {
	if long() {
		return 300 * time.Millisecond
	}
	return time.Second
}

// urgent changes values and deletes secrets beside the load, at both replicas in
// turn.
func (r *rush) urgent(ctx context.Context, ids []string) {
	for i := 0; ctx.Err() == nil; i++ {
		client := r.w.rest(r.spare(), r.w.replicas[i%len(r.w.replicas)])
		began := time.Now()
		var a calls.Answer
		if i%3 == 2 && len(ids) > rotated {
			a = client.Delete(ctx, calls.Mark{}, ids[len(ids)-1])
			ids = ids[:len(ids)-1]
		} else {
			a = client.Update(ctx, calls.Mark{}, ids[i%rotated], calls.Write{Value: fmt.Sprint("value ", i)})
		}
		switch {
		case ctx.Err() != nil:
			return
		case storeIsSlow(a):
			r.w.t.Logf("a rotation or delete: %s", a.Said)
		case a.Verdict != calls.Done:
			r.w.t.Errorf("a rotation or delete: %s", a.Said)
		default:
			r.waits = append(r.waits, time.Since(began))
		}
		pause(ctx, urgentEvery)
	}
}

func pause(ctx context.Context, long time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(long):
	}
}

// figures are the results of a measurement.
type figures struct {
	// used is the part of the budget that was used, over is how many times the
	// budget was asked for.
	used, over float64
	// fair is the fair share of each tenant, shares has the actual shares, in calls.
	fair   float64
	shares []float64
}

// mark begins measuring anew.
func (r *rush) mark() {
	r.from.spent, r.from.asked, r.from.shares = r.spent.Load(), r.asked.Load(), r.shares()
}

// measure measures the load for some windows, or for the configured time, and
// then continues into the next window, to check that permits are held long
// enough.
func (r *rush) measure(ctx context.Context, usual int) figures {
	windows := max(usual, int(length(r.w.t, 0)/r.window))
	pause(ctx, time.Duration(windows)*r.window)
	spent, asked := r.spent.Load()-r.from.spent, r.asked.Load()-r.from.asked
	budget := float64(windows * r.calls)
	f := figures{used: float64(spent) / budget, over: float64(asked) / budget, shares: r.shares()}
	all := 0.0
	for i := range f.shares {
		f.shares[i] -= r.from.shares[i]
		all += f.shares[i]
	}
	f.fair = all / float64(len(f.shares))
	pause(ctx, r.window/5)
	return f
}

// shares are how many calls each tenant got so far.
func (r *rush) shares() []float64 {
	shares := make([]float64, len(r.tenants))
	for i, one := range r.tenants {
		shares[i] = float64(one.done.Load())
	}
	return shares
}

// judge logs the results at the end, and fails the test if Cloudflare refused a
// call, or if a rotation or delete waited too long although the budget was scarce.
func (r *rush) judge(t *testing.T, scarce bool) {
	t.Helper()
	if n := r.w.cf.Answers(http.StatusTooManyRequests); n > 0 {
		t.Errorf("Cloudflare refused %d calls as too many", n)
	}
	if len(r.waits) == 0 {
		t.Fatal("nothing was rotated or deleted")
	}
	if len(r.copies) == 0 {
		t.Fatal("no copy was answered")
	}
	if !scarce {
		// Each call waited for a processor or for PostgreSQL, whatever its priority.
		return
	}
	slices.Sort(r.waits)
	slices.Sort(r.copies)
	t.Logf("%d rotations and deletes took %s, copies %s", len(r.waits), medianAndMost(r.waits), medianAndMost(r.copies))
	if r.waits[len(r.waits)/2] >= r.copies[len(r.copies)/2] || r.waits[len(r.waits)-1] > r.copies[len(r.copies)-1] {
		t.Error("rotations and deletes did not go before copies")
	}
}

// medianAndMost names the median and the maximum of sorted times.
func medianAndMost(sorted []time.Duration) string {
	return fmt.Sprintf("%s (median) to %s", sorted[len(sorted)/2].Round(time.Millisecond), sorted[len(sorted)-1].Round(time.Millisecond))
}

// jain is Jain's fairness index: 1 if all shares are equal, 1/n if one tenant
// has everything.
func jain(shares []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, s := range shares {
		sum += s
		squares += s * s
	}
	if squares == 0 {
		return 0
	}
	return sum * sum / (float64(len(shares)) * squares)
}

// fill makes secrets at Cloudflare itself and gives their identifiers.
func (w *world) fill(n int) []string {
	w.t.Helper()
	var ids []string
	for len(ids) < n {
		var list []map[string]any
		for i := range min(100, n-len(ids)) {
			list = append(list, map[string]any{"name": fmt.Sprintf("original%d", len(ids)+i), "value": "v", "scopes": []string{"workers"}})
		}
		body, err := json.Marshal(list)
		if err != nil {
			w.t.Fatal(err)
		}
		var made struct {
			Result []struct {
				ID string `json:"id"`
			} `json:"result"`
		}
		w.cloudflare(http.MethodPost, "/stores/"+w.place.Store+"/secrets", string(body), &made)
		for _, s := range made.Result {
			ids = append(ids, s.ID)
		}
	}
	return ids
}
