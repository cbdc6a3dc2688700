package batch_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/batch"
	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

// instant is a Cloudflare that makes everything at once.
type instant struct{}

func (instant) CreateSecrets(ctx context.Context, p upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	made := make([]upstream.Secret, len(p.Secrets))
	for i, s := range p.Secrets {
		made[i].Name = s.Name
	}
	change.From(ctx).Permit.Done(budget.Result{Sent: true, Answered: true})
	return upstream.Answer[[]upstream.Secret]{Result: made}, nil
}

// BenchmarkCreateSecret measures the create of one secret, alone and with so many callers that most creates
// are batched.
func BenchmarkCreateSecret(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			s := budget.New(budget.Config{Calls: 1 << 24, Window: time.Second})
			defer s.Close()
			c := newCoalescer(batch.Config{Acquire: func(ctx context.Context, _ *change.Attempt, a budget.Ask) (*budget.Permit, error) {
				a.Tenant = "t"
				return s.Acquire(ctx, a)
			}}, instant{})
			defer c.Close()
			p := upstream.CreateSecretsParams{Account: account, StoreID: store, Secrets: []upstream.NewSecret{{Name: "S", Value: "v"}}}
			b.ReportAllocs()
			b.ResetTimer()
			var all sync.WaitGroup
			for n := range callers {
				all.Go(func() {
					for i := n; i < b.N; i += callers {
						if _, err := c.CreateSecrets(b.Context(), p); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
		})
	}
}
