package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/secrets_store"
)

// contender is one way to create secrets.
type contender struct {
	name    string
	retries int
	// through says that Storekeeper stands between.
	through bool
}

// result is what one run came to.
type result struct {
	secrets, failed int
	rate            float64
	// waits are how long each create that succeeded took.
	waits []time.Duration
	// calls and refused are what Cloudflare saw and refused with 429.
	calls, refused int
}

// load lets callers create secrets one after the other until the time is over.
// What is under way then is left.
func load(ctx context.Context, p plan, c contender, at target) result {
	ctx, cancel := context.WithTimeout(ctx, p.length)
	defer cancel()
	transport := &http.Transport{MaxIdleConnsPerHost: p.callers}
	defer transport.CloseIdleConnections()
	var (
		mu  sync.Mutex
		sum result
		all sync.WaitGroup
	)
	start := time.Now()
	for n := range p.callers {
		all.Go(func() {
			service := secrets_store.NewStoreSecretService(
				option.WithBaseURL(at.base), option.WithAPIToken(at.tokens[n%len(at.tokens)]), option.WithMaxRetries(c.retries),
				option.WithHTTPClient(&http.Client{Transport: transport}),
			)
			for i := 0; ctx.Err() == nil; i++ {
				began := time.Now()
				err := create(ctx, service, at, fmt.Sprintf("s-%d-%d", n, i))
				took := time.Since(began)
				mu.Lock()
				switch {
				case err == nil:
					sum.secrets++
					sum.waits = append(sum.waits, took)
				case ctx.Err() == nil:
					sum.failed++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	sum.rate = float64(sum.secrets) / time.Since(start).Seconds()
	return sum
}

// create makes one secret. The fields are set by hand: the helper for it is in a
// package that compiles the whole of Cloudflare's API.
func create(ctx context.Context, service *secrets_store.StoreSecretService, at target, name string) error {
	var item secrets_store.StoreSecretNewParamsBody
	item.Name.Value, item.Name.Present = name, true
	item.Value.Value, item.Value.Present = "value-of-"+name, true
	item.Scopes.Value, item.Scopes.Present = []secrets_store.StoreSecretNewParamsBodyScope{"workers"}, true
	p := secrets_store.StoreSecretNewParams{Body: []secrets_store.StoreSecretNewParamsBody{item}}
	p.AccountID.Value, p.AccountID.Present = at.account, true
	_, err := service.New(ctx, at.store, p)
	return err
}
