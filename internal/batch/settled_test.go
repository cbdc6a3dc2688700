package batch_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/change/changetest"
	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/reconcile"
	"platform.internal/storekeeper/internal/upstream"
)

// settled creates secrets in batches and reconciles lost answers.
func settled(w *wire) changetest.Calls {
	s := reconcile.New(reconcile.Config{Listings: unlisted{firstPage{w.client}}})
	return changetest.Calls{Next: func(ctx context.Context, a *change.Attempt) (change.Result, error) {
		return s.Apply(ctx, a, func(ctx context.Context, a *change.Attempt) (change.Result, error) {
			return w.coalescer.Apply(ctx, a, w.coalescer.send)
		})
	}}
}

// unlisted is a Listings without stores.
type unlisted struct{ firstPage }

// Stores returns no stores.
func (unlisted) Stores(context.Context, string, time.Time) ([]upstream.Store, error) { return nil, nil }

// TestLostCallsForManyAreSettledForEach loses the answers of batches, before or after the effect, with
// refused items among them.
func TestLostCallsForManyAreSettledForEach(t *testing.T) {
	losses := map[string]emulator.Fault{
		"cut before":          {Kind: emulator.KindCut, Times: 3},
		"cut after":           {Kind: emulator.KindCut, AfterCommit: true, Times: 3},
		"520 after":           {Kind: emulator.KindStatus, Status: 520, ContentType: "text/html", AfterCommit: true, Times: 3},
		"at random":           {Kind: emulator.KindCut, AfterCommit: true, Probability: 0.4},
		"cut within the body": {Kind: emulator.KindCutMidBody, Times: 2},
	}
	for name, loss := range losses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, budget.Config{Calls: 100, Window: 500 * time.Millisecond})
			settler := settled(w)
			loss.Method = http.MethodPost
			if err := w.Inject(loss); err != nil {
				t.Fatal(err)
			}
			var callers sync.WaitGroup
			for i := range 40 {
				callers.Go(func() {
					p := w.params(fmt.Sprint("N", i))
					if i == 7 {
						p.Secrets[0].Scopes = []string{"moon"}
					}
					_, err := settler.CreateSecrets(t.Context(), p)
					if refused := err != nil && fault.From(err).Reason == "SECRET_SCOPE_INVALID"; refused != (i == 7) || err != nil && !refused {
						t.Errorf("%d: told %v", i, err)
					}
				})
			}
			callers.Wait()
			w.ClearFaults()
			if _, secrets := w.Counts(accountID); secrets != 39 {
				t.Errorf("%d secrets, want 39", secrets)
			}
			for i := range 40 {
				name := fmt.Sprint("N", i)
				if value, _ := w.Value(accountID, w.store, name); i != 7 && value != "value of "+name {
					t.Errorf("%s has the value %q", name, value)
				}
			}
		})
	}
}

// TestWhatCloudflareCannotStomachHarmsNobodyElse has an item that makes every request fail in Cloudflare.
func TestWhatCloudflareCannotStomachHarmsNobodyElse(t *testing.T) {
	w := newWire(t, budget.Config{Calls: 100, Window: 500 * time.Millisecond})
	settler := settled(w)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var callers sync.WaitGroup
	for _, name := range []string{"A", "B", "POISON", "C", "D"} {
		callers.Go(func() {
			_, err := settler.CreateSecrets(ctx, w.params(name))
			if lost := err != nil && fault.From(err).Reason == lostWord; lost != (name == "POISON") || err != nil && !lost {
				t.Errorf("%s: told %v", name, err)
			}
		})
	}
	callers.Wait()
}
