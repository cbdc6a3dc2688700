package spending

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/store"
)

const (
	// shortPart is a divisor of the target: a partition that lacks less is not short.
	shortPart = 64
	// smoothing is a divisor: the smoothed number of waiting calls moves by this fraction of the difference.
	smoothing = 4
)

// Open begins a session and takes the vacant slots of each budget. Run opens budgets that cannot be opened
// now.
func (b *Budgets) Open(ctx context.Context) { b.exchange(ctx) }

// Run renews the lease, publishes the demand of this replica, and moves slots between replicas, until ctx
// ends. One loop serves all budgets. If the store is not shared, Run ends once all budgets are open.
func (b *Budgets) Run(ctx context.Context) {
	tick := time.NewTicker(b.every)
	defer tick.Stop()
	for !b.lease.alone || !b.ready() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-b.wake:
			b.woken = true
		}
		b.exchange(ctx)
	}
}

func (b *Budgets) ready() bool {
	return !slices.ContainsFunc(b.list, func(c *Credential) bool { return !c.usage.ready() })
}

// exchange makes one round. It logs when the store becomes unreachable or reachable.
func (b *Budgets) exchange(ctx context.Context) {
	b.turn.Lock()
	defer b.turn.Unlock()
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	made, err := b.round(limited)
	if !made {
		return
	}
	b.woken = false
	if errors.Is(err, errLost) {
		b.lose()
	}
	b.show()
	before := b.failure.Swap(&err)
	switch had := before != nil && *before != nil; {
	case err != nil && !had && ctx.Err() == nil:
		b.cfg.Log.Warn("the records cannot be reached, so this replica makes no calls beyond those that it wrote down", zap.Error(err))
	case err == nil && had:
		b.cfg.Log.Info("what is spent of the budgets is written down")
	}
}

// round makes one round, if there is anything to publish or to renew.
func (b *Budgets) round(ctx context.Context) (made bool, err error) {
	wants, busy := b.collect()
	if busy = busy || b.woken || !b.ready(); !busy && time.Since(b.renewed) < renewEvery {
		return false, nil
	}
	if !b.lease.alone || b.number == 0 {
		if err := b.meet(ctx, wants, busy); err != nil {
			return true, err
		}
	}
	return true, b.moveAll(ctx)
}

// meet renews the lease and updates the other replicas.
func (b *Budgets) meet(ctx context.Context, wants map[string]demand, busy bool) error {
	var wait store.Lazy
	if !busy {
		wait = store.Lazy(lazy)
	}
	seen, whole, err := b.renew(ctx, wants, wait)
	if err == nil && (busy || !whole || time.Since(b.searched) > scanEvery) {
		seen, err = b.scan(ctx)
	}
	if err != nil {
		return err
	}
	return b.see(ctx, seen)
}

// collect returns the demand of this replica for each budget. busy says that calls wait or slots are missing,
// on any replica.
func (b *Budgets) collect() (wants map[string]demand, busy bool) {
	wants = map[string]demand{}
	if b.lease.alone {
		return wants, false
	}
	for _, c := range b.list {
		d := c.Demand()
		w := demand{Flows: map[string]budget.Flow{}, Small: rounded(d.Small), Free: d.Free, Short: c.short}
		for name, f := range d.Flows {
			w.Flows[name] = budget.Flow{Used: rounded(f.Used), Waiting: c.smooth(name, f.Waiting)}
		}
		for name := range c.waiting {
			if f := w.Flows[name]; f.Waiting == 0 {
				f.Waiting = c.smooth(name, 0)
				w.Flows[name] = f
			}
		}
		if len(w.Flows) > 0 || w.Small > 0 || w.Short > 0 {
			wants[c.name] = w
			busy = busy || w.busy()
		}
	}
	for _, p := range b.peers {
		for _, w := range p.Wants {
			busy = busy || w.busy()
		}
	}
	return wants, busy
}

// smooth returns the smoothed number of waiting calls of a tenant, so that allocations do not jump with each
// call.
func (c *Credential) smooth(name string, waiting float64) float64 {
	had, known := c.waiting[name]
	if known {
		waiting = had + (waiting-had)/smoothing
	}
	if waiting < 0.5 {
		delete(c.waiting, name)
		return 0
	}
	c.waiting[name] = waiting
	return rounded(waiting)
}

// rounded keeps records short.
func rounded(x float64) float64 { return math.Round(10*x) / 10 }

// moveAll publishes the remote demand to the schedulers and moves slots. A long round ends early, because the
// renewal of the lease has priority. The next round continues at the same budget.
func (b *Budgets) moveAll(ctx context.Context) error {
	numbers := append(slices.Collect(maps.Keys(b.peers)), b.number)
	slices.Sort(numbers)
	own := slices.Index(numbers, b.number)
	nothing := make([]demand, len(numbers))
	idle := allocate(b.cfg.Calls, nothing, b.weight)
	elsewhere := b.elsewhere(nothing, own)
	wanted := b.wanted()
	for i := range b.list {
		c := b.list[(b.next+i)%len(b.list)]
		targets, missing, others := idle, 0, elsewhere
		if wanted[c.name] {
			wants := b.wantsOf(c.name, numbers)
			targets, others = allocate(b.cfg.Calls, wants, b.weight), b.elsewhere(wants, own)
			for _, w := range wants {
				missing += w.Short
			}
			missing -= wants[own].Short
		}
		if !b.lease.alone {
			c.SetElsewhere(others)
		}
		if err := b.balance(ctx, c, targets[own], missing); err != nil {
			return err
		}
		if !b.lease.alone && time.Since(b.renewed) > leaseLife/3 {
			b.next = (b.next + i + 1) % len(b.list)
			break
		}
	}
	b.blockRefused()
	return nil
}

// balance moves slots of one budget if the partition is not open, has too few slots, or has too many while
// other replicas are short.
func (b *Budgets) balance(ctx context.Context, c *Credential, target, missing int) error {
	c.usage.mu.Lock()
	slots, open := c.partition.slots, c.usage.opened
	unfinished := len(c.partition.attempts) > 0 || c.partition.out.Slots > 0
	c.usage.mu.Unlock()
	var err error
	switch over := slots - target; {
	case over > 0 && missing > 0 && open:
		err = b.move(ctx, c, slots-min(over, missing))
	case !open, unfinished, -over > target/shortPart:
		err = b.move(ctx, c, max(slots, target))
	}
	c.usage.mu.Lock()
	defer c.usage.mu.Unlock()
	c.short = 0
	if lacks := target - c.partition.slots; lacks > target/shortPart {
		c.short = lacks
	}
	return err
}

// wanted returns the budgets for which any replica has demand.
func (b *Budgets) wanted() map[string]bool {
	names := map[string]bool{}
	for name := range b.told {
		names[name] = true
	}
	for _, p := range b.peers {
		for name := range p.Wants {
			names[name] = true
		}
	}
	return names
}

// wantsOf returns the demand of all replicas for one budget.
func (b *Budgets) wantsOf(name string, numbers []int64) []demand {
	wants := make([]demand, len(numbers))
	for i, number := range numbers {
		told := b.told
		if p := b.peers[number]; p != nil {
			told = p.Wants
		}
		wants[i] = told[name]
	}
	return wants
}

// elsewhere returns the waiting calls of the other replicas and the slots that they can give.
func (b *Budgets) elsewhere(wants []demand, own int) budget.Elsewhere {
	e := budget.Elsewhere{Waiting: map[string]float64{}, Replicas: len(wants)}
	kept := b.cfg.Calls / (idlePart * len(wants))
	for i, w := range wants {
		if i == own {
			continue
		}
		// The published number of free slots is older than slots received since.
		free := max(w.Free, b.cfg.Calls/len(wants)-w.calls())
		e.Coming += max(0, free-kept)
		for name, f := range w.Flows {
			if f.Waiting > 0 {
				e.Waiting[name] += f.Waiting
			}
		}
	}
	return e
}

// blockRefused stops the calls of budgets for which Cloudflare has sent a 429 to other replicas.
func (b *Budgets) blockRefused() {
	refused := map[string]time.Time{}
	for _, p := range b.peers {
		for name, until := range p.Refused {
			if until.After(refused[name]) {
				refused[name] = until
			}
		}
	}
	for _, c := range b.list {
		if d := time.Until(refused[c.name]); d > 0 {
			c.Block(min(d, longestBlock))
		}
	}
}

// Flush returns all partitions and ends the session. No call is admitted afterwards.
func (b *Budgets) Flush(ctx context.Context) error {
	b.turn.Lock()
	defer b.turn.Unlock()
	if b.number == 0 {
		return nil
	}
	var errs []error
	for _, one := range b.list {
		if one.usage.ready() {
			errs = append(errs, b.leave(ctx, one))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return b.endSession(ctx)
}
