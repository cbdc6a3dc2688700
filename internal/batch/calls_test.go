package batch_test

import (
	"context"

	"platform.internal/storekeeper/internal/batch"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/change/changetest"
	"platform.internal/storekeeper/internal/upstream"
)

// maker is the API that creates secrets.
type maker interface {
	CreateSecrets(context.Context, upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error)
}

// creator is a Cloudflare of which no other change is asked.
type creator struct {
	change.Cloudflare
	maker
}

// CreateSecrets makes secrets.
func (c creator) CreateSecrets(ctx context.Context, p upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	return c.maker.CreateSecrets(ctx, p)
}

// coalescer creates secrets by the calls to Cloudflare, in company.
type coalescer struct {
	*batch.Batcher
	changetest.Calls

	send change.Next
}

func newCoalescer(c batch.Config, next maker) coalescer {
	to, whole := next.(change.Cloudflare)
	if !whole {
		to = creator{maker: next}
	}
	made := batch.New(c)
	return coalescer{made, changetest.Through(made.Apply, to), change.Send(to)}
}
