package suite

import (
	"context"
	"fmt"
	"time"

	"platform.internal/storekeeper/test/bench/client"
	"platform.internal/storekeeper/test/bench/figure"
	"platform.internal/storekeeper/test/bench/load"
	"platform.internal/storekeeper/test/bench/stage"
)

// The contenders that create secrets under the budget.
const (
	TwoRetries  = "cloudflare-go 7, two retries"
	ManyRetries = "cloudflare-go 7, retries for ever"
	SDKThrough  = "cloudflare-go 7 through Storekeeper"
	HTTPThrough = "net/http through Storekeeper"
)

// The quantities under the budget.
const (
	FailedPart = "failed"   // From 0 to 1.
	Refused429 = "429s"     // Calls that Cloudflare refused.
	Goodput    = "goodput"  // Calls done a second.
	Hinted     = "hinted"   // Part of the refusals that say when to come back.
	Refused50  = "refuse50" // Milliseconds until a refusal.
	Refused99  = "refuse99" // Milliseconds until a refusal.
	Share      = "share"    // Part of the peak.
)

// BudgetRate is how many calls a second the scaled budget allows, counted over
// budgetWindow.
const (
	BudgetRate   = 40
	budgetWindow = 10 * time.Second
)

// scarce are settings under the scaled budget.
func scarce() stage.Settings {
	return stage.Settings{Latency: cloudflareTakes, Calls: BudgetRate * int(budgetWindow/time.Second), Window: budgetWindow}
}

// Crowd names the measurement of so many callers.
func Crowd(callers int) string { return fmt.Sprintf("budget/%d", callers) }

// crowd is the case f: many callers, each creating single secrets.
func (s *Suite) crowd(ctx context.Context) error {
	for i, callers := range s.options.Crowd {
		for _, who := range []struct {
			name, world string
			retries     int
		}{{TwoRetries, stage.Direct, 2}, {ManyRetries, stage.Direct, 1 << 20}, {SDKThrough, stage.Storekeeper, 2}, {HTTPThrough, stage.Storekeeper, -1}} {
			if i > 0 && who.name == ManyRetries {
				continue // It does as with fewer callers, and takes as long.
			}
			err := s.at(ctx, who.world, scarce(), callers, func(w *stage.World, c *client.REST) error {
				store, err := c.NewStore(ctx, 0)
				if err != nil {
					return err
				}
				call := c.CreateSecrets(store, 1)
				if who.retries >= 0 {
					call = c.CreateBySDK(store, who.retries)
				}
				r := load.Closed(ctx, load.Plan{Workers: callers, Length: s.options.CrowdLength, Cut: true}, call)
				return s.noteCrowd(ctx, w, Crowd(callers), who.name, r)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Suite) noteCrowd(ctx context.Context, w *stage.World, name, who string, r *load.Result) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if r.Done == 0 && r.First != nil {
		return fmt.Errorf("%s: nothing was created: %w", who, r.First)
	}
	calls, refused, err := w.Counts(ctx)
	failed := float64(r.Failed + r.Refused)
	for what, x := range map[string]float64{
		Rate: r.Rate(), FailedPart: failed / max(1, failed+float64(r.Done)), CallsBehind: calls, Refused429: refused,
		P50: figure.Quantile(r.Waits, 0.5), P99: s.tail(r.Waits),
	} {
		s.book.Add(name, who, what, x)
	}
	return err
}
