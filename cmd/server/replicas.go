package main

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/lending"
)

// share lets replicas lend each other turns of every budget, until ctx ends.
func (e *engine) share(ctx context.Context, c config.Budget) {
	if e.state.shared == nil || c.Replicas < 2 {
		return
	}
	var all sync.WaitGroup
	for _, one := range e.budgets.Credentials() {
		all.Go(func() {
			lending.Run(ctx, lending.Config{
				Client: e.state.shared.Client(), Key: e.state.shared.Key, Replica: e.replica, Name: one.Name(),
				// A turn that is lent can be used for as long as the budget holds it
				// for the borrower.
				Replicas: c.Replicas, Grace: min(time.Second, c.Window/50),
				Trouble: func(err error) {
					if err != nil {
						e.log.Warn("the budget is not shared; this replica keeps to its own part", zap.Error(err))
						return
					}
					e.log.Info("the budget is shared")
				},
			}, one)
		})
	}
	all.Wait()
}
