package cache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/upstream"
)

// TestNoReadGoesBack runs readers and writers concurrently on one or several replicas, with slow
// listings that are always due. Every read must show the changes acknowledged before the read
// began, and everything that earlier reads showed.
func TestNoReadGoesBack(t *testing.T) {
	for name, log := range map[string]cache.ChangeLog{"one": nil, "two": &memory{}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			h := &history{w: w, store: w.store("s")}
			one, _ := w.cache(withLog(log))
			h.clients = []*client{one, one}
			if log != nil {
				h.clients[1], _ = w.cache(withLog(log))
			}
			h.counter = secrets(t, w.direct, h.store, "COUNTER", "FIXED", "fixed2")[0].ID
			for _, f := range []emulator.Fault{{Method: "GET", AfterCommit: true}, {Method: "GET"}, {AfterCommit: true}} {
				f.Kind, f.Delay, f.Probability = emulator.KindDelay, 2*time.Millisecond, 0.3
				w.faults(f)
			}
			h.run(t)
		})
	}
}

// mostReads is the number of reads after which the test stops.
const mostReads = 150

type history struct {
	w              *world
	store, counter string
	clients        []*client

	// acked and begun are values of the counter. shown is the highest value read. born, dying and
	// dead are the numbers of the created and deleted secrets.
	acked, begun, shown          atomic.Int64
	born, dying, dead, seenAlive atomic.Int64
	seenDead                     atomic.Int64
	reads                        atomic.Int64
}

func (h *history) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { h.count(ctx, t) })
	wg.Go(func() { h.liveAndDie(ctx, t) })
	for i := range 6 {
		r := rand.New(rand.NewPCG(uint64(i), 7))
		wg.Go(func() {
			for ctx.Err() == nil && !t.Failed() {
				h.read(t, r)
			}
		})
	}
	for !t.Failed() && (h.reads.Load() < mostReads || h.acked.Load() < 20 || h.dead.Load() < 10) {
		h.w.clock.move(staleness / 3)
		time.Sleep(time.Millisecond)
	}
	cancel()
	wg.Wait()
}

func (h *history) count(ctx context.Context, t *testing.T) {
	for n := int64(1); ctx.Err() == nil; n++ {
		h.begun.Store(n)
		text := strconv.FormatInt(n, 10)
		_, err := h.clients[n%2].UpdateSecret(t.Context(), upstream.UpdateSecretParams{
			Account: account, StoreID: h.store, SecretID: h.counter, Comment: upstream.CommentChange{Change: true, Text: &text},
		})
		if err != nil {
			t.Error(err)
			return
		}
		h.acked.Store(n)
	}
}

// liveAndDie creates secrets, and deletes each secret after the next secret is created.
func (h *history) liveAndDie(ctx context.Context, t *testing.T) {
	var last string
	for n := int64(1); ctx.Err() == nil; n++ {
		a, err := h.clients[n%2].CreateSecrets(t.Context(), upstream.CreateSecretsParams{
			Account: account, StoreID: h.store, Secrets: []upstream.NewSecret{{Name: fmt.Sprintf("N%d", n), Value: "v", Scopes: []string{"dex"}}},
		})
		if err != nil {
			t.Error(err)
			return
		}
		h.born.Store(n)
		if last != "" {
			h.dying.Store(n - 1)
			if _, err := h.clients[(n+1)%2].DeleteSecret(t.Context(), secret(h.store, last)); err != nil {
				t.Error(err)
				return
			}
			h.dead.Store(n - 1)
		}
		last = a.Result[0].ID
	}
}

func (h *history) read(t *testing.T, r *rand.Rand) {
	client := h.clients[r.IntN(2)]
	ctx := t.Context()
	if r.IntN(4) == 0 {
		ctx = scope.WithFresh(ctx)
	}
	h.reads.Add(1)
	low := max(h.acked.Load(), h.shown.Load())
	if r.IntN(2) == 0 {
		a, err := client.GetSecret(ctx, secret(h.store, h.counter))
		if err != nil {
			t.Error(err)
			return
		}
		h.checkCounter(t, a.Result, low)
		return
	}
	born, dead := max(h.born.Load(), h.seenAlive.Load()), max(h.dead.Load(), h.seenDead.Load())
	p := all(h.store)
	if r.IntN(4) == 0 {
		// Handed on: the names are of both cases.
		p.Order = "name"
	}
	a, err := client.ListSecrets(ctx, p)
	if err != nil {
		t.Error(err)
		return
	}
	alive := map[int64]bool{}
	for _, s := range a.Result {
		if n, err := strconv.ParseInt(s.Name[1:], 10, 64); err == nil && s.Name[0] == 'N' {
			alive[n] = true
		} else if s.ID == h.counter {
			h.checkCounter(t, s, low)
		}
	}
	h.checkLives(t, alive, born, dead)
}

func (h *history) checkCounter(t *testing.T, s upstream.Secret, low int64) {
	n := int64(0)
	if s.Comment != nil {
		n, _ = strconv.ParseInt(*s.Comment, 10, 64)
	}
	if n < low || n > h.begun.Load() {
		t.Errorf("the counter is %d, after %d was seen", n, low)
	}
	raise(&h.shown, n)
}

// checkLives checks which of the secrets are there: all that were born and did
// not begin to die, and none that was dead.
func (h *history) checkLives(t *testing.T, alive map[int64]bool, born, dead int64) {
	dying := h.dying.Load()
	low, high := int64(1<<62), int64(0)
	for n := range alive {
		low, high = min(low, n), max(high, n)
		if n <= dead {
			t.Errorf("%d is back from the dead, of which there were %d", n, dead)
		}
	}
	for n := dying + 1; n <= born; n++ {
		if !alive[n] {
			t.Errorf("%d is missing, of %d that were born", n, born)
		}
	}
	raise(&h.seenAlive, high)
	if high > 0 {
		raise(&h.seenDead, low-1)
	}
}

func raise(to *atomic.Int64, n int64) {
	for old := to.Load(); old < n && !to.CompareAndSwap(old, n); old = to.Load() {
	}
}
