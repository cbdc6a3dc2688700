package idempotency

import (
	"context"
	"fmt"
	"sync"

	"platform.internal/storekeeper/internal/store"
)

// Start begins the background work: the heartbeat, and the recovery of intents without an owner, at once and
// then every 3 s. ctx bounds only the first heartbeat, after which Do can make changes. Close ends the work.
func (k *Coordinator) Start(ctx context.Context) {
	k.start.Do(func() {
		k.behind.Add(1)
		if !k.config.Alone {
			err := k.beat(ctx)
			k.behind.Add(1)
			go k.keepAlive(err)
		}
		go k.recoverOrphans()
	})
}

// Close refuses new changes, waits for running changes until ctx ends, and then stops the remaining changes
// and the background work. After a restart, recovery ends what is left. Close does not close the store.
func (k *Coordinator) Close(ctx context.Context) error {
	k.close.Do(func() { k.closed = k.shut(ctx) })
	return k.closed
}

func (k *Coordinator) shut(ctx context.Context) error {
	k.mu.Lock()
	k.closing = true
	k.mu.Unlock()
	waited := drained(ctx, &k.inFlight)
	k.lease.end()
	k.stop()
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), closePatience)
	defer cancel()
	ended := drained(bounded, &k.inFlight)
	if drained(bounded, &k.behind) != nil || ended != nil {
		waited = fmt.Errorf("changes or their recovery did not end: %w", bounded.Err())
	}
	if k.config.Alone {
		return waited
	}
	// If the deletion fails, the intents wait for the lease to expire.
	_ = k.deleteHeartbeat(bounded)
	return waited
}

// drained waits for g. The error is that of ctx.
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

// Open returns the number of open intents of all replicas.
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

// Peek returns the intent whose answer Do would return for c, if a record of the same request exists. The
// intent of a finished change has no Baseline. A later Do of c reuses the lookup, so c must not be modified
// in between.
func (k *Coordinator) Peek(ctx context.Context, c *Call) (Intent, bool) {
	if !c.mayShare() {
		return Intent{}, false
	}
	for last := ""; ; {
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
		switch {
		case err != nil || open == nil && e.ID == last:
			return Intent{}, false
		case open != nil:
			return open.Intent, true
		}
		// The change ended between the two reads.
		last = e.ID
	}
}
