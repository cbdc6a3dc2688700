package idempotency

import (
	"context"
	"fmt"
	"sync"

	"platform.internal/storekeeper/internal/store"
)

// Start begins the background work: the heartbeat, and at once and then every
// few seconds the recovery of intents without an owner. ctx bounds only the
// first heartbeat, after which Do can make changes. The work ends with Close.
func (k *Coordinator) Start(ctx context.Context) {
	k.start.Do(func() {
		k.behind.Add(1)
		if !k.config.Alone {
			err := k.beat(ctx)
			k.behind.Add(1)
			go k.keepAlive(err)
		}
		go k.attend()
	})
}

// Close refuses new changes, waits until ctx ends for those that run, and ends
// the rest and the background work. The next life finds what is left. Close
// does not close the records.
func (k *Coordinator) Close(ctx context.Context) error {
	k.close.Do(func() { k.closed = k.shut(ctx) })
	return k.closed
}

func (k *Coordinator) shut(ctx context.Context) error {
	k.mu.Lock()
	k.closing = true
	k.mu.Unlock()
	waited := drained(ctx, &k.aloft)
	k.lease.end()
	k.stop()
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), closePatience)
	defer cancel()
	ended := drained(bounded, &k.aloft)
	if drained(bounded, &k.behind) != nil || ended != nil {
		waited = fmt.Errorf("changes or their recovery did not end: %w", bounded.Err())
	}
	if k.config.Alone {
		return waited
	}
	// Without it the lease has to run out, which is slow and not wrong.
	_ = k.bury(bounded)
	return waited
}

// drained waits for g. Its error is that of ctx.
func drained(ctx context.Context, g *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Open returns how many intents have no outcome yet, those of other replicas
// too.
func (k *Coordinator) Open(ctx context.Context) (int, error) {
	n := 0
	err := k.config.Store.Scan(ctx, openPrefix, func(string, store.Record) error {
		n++
		return nil
	})
	if err != nil {
		return 0, storeFault(err)
	}
	return n, nil
}

// Peek returns the intent that Do would answer c from, if the records know the
// same request. Of a finished change it lacks the Baseline. A Do of c that
// follows saves what Peek has done, so c must not be changed in between.
func (k *Coordinator) Peek(ctx context.Context, c *Call) (Intent, bool) {
	if !c.joins() {
		return Intent{}, false
	}
	e, err := k.look(ctx, c)
	switch {
	case err != nil || e == nil || e.Print != c.print:
		return Intent{}, false
	case e.Intent != nil:
		return *e.Intent, true
	}
	openKey := openPrefix + e.ID
	now, err := k.config.Store.Get(ctx, openKey)
	if err != nil {
		return Intent{}, false
	}
	open, err := lookup(now, openKey, decodeOpen)
	if err != nil || open == nil {
		return Intent{}, false
	}
	return open.Intent, true
}
