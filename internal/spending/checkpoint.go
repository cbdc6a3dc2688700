package spending

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/store"
)

const (
	// stepsOfPartition is how many steps a partition has. A step may be spent
	// between two checkpoints: it counts as spent after a crash, also where a
	// process crashes again and again, and it can be spent while the store is away.
	stepsOfPartition = 50
	// writeLimit bounds the write of a checkpoint.
	writeLimit = 10 * time.Second
	// refusalLimit bounds how long a refused call waits until the refusal is
	// written down.
	refusalLimit = 2 * time.Second
	// retryAfter is when a write is tried again after it failed.
	retryAfter = time.Second
)

// checkpoint is the usage checkpoint of one budget: it keeps in the store what is
// spent of the own partition, so that who inherits the partition does not spend it
// again. Cloudflare does not know of restarts.
type checkpoint struct {
	budgets *Budgets
	budget  *Credential

	mu sync.Mutex
	// opened says that the checkpoint of this session is written, leaving that
	// nothing more is to be spent.
	opened, leaving bool
	// number is that of the session that the checkpoint belongs to.
	number int64
	step   int
	// left is how many calls may be sent before the next checkpoint.
	left int
	// writing is the write under way, nil where there is none.
	writing *write
	// retryAt is when writing is tried again after it failed.
	retryAt time.Time
	// refused is the end of the refusal that was written last, in nanoseconds
	// since 1970.
	refused int64
}

// write is one write of a checkpoint. One is under way at a time, so that an older
// checkpoint never replaces a newer one.
type write struct {
	// done is closed when the write has ended; err is set before.
	done chan struct{}
	err  error

	before, ahead int
	refused       int64
}

func (p *checkpoint) ready() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened
}

// usable says that the partition is open and had slots.
func (p *checkpoint) usable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened && p.budget.partition.had
}

// shutHeld lets nothing be spent until there is a partition again. The caller holds
// the lock.
func (p *checkpoint) shutHeld() { p.opened, p.left = false, 0 }

// spend counts a call that is about to be sent. When half of the step is left it
// starts the write of the next checkpoint and does not wait. It waits only where
// the step is used up. A call that cannot be written down is not sent: a later
// life would spend it again. The lease of the partitions is checked last. The fault
// is BUDGET_UNKNOWN where the call must not be sent.
func (p *checkpoint) spend(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.opened && !p.leaving && p.left == 0 {
		if p.writing == nil {
			if time.Now().Before(p.retryAt) {
				return unaccounted(errUnknown)
			}
			p.start(p.stepOf(p.budget.partition.slots))
		}
		if err := p.wait(ctx, p.writing); err != nil {
			return unaccounted(err)
		}
	}
	if !p.opened || p.left == 0 {
		return unaccounted(errUnknown)
	}
	if err := p.budgets.lease.held(); err != nil {
		return unaccounted(err)
	}
	p.left--
	if p.left <= p.step/2 && p.writing == nil && !time.Now().Before(p.retryAt) {
		p.start(p.stepOf(p.budget.partition.slots))
	}
	return nil
}

func unaccounted(because error) error {
	f := fault.New(fault.Unavailable, fault.ReasonBudgetUnknown,
		"The call was not sent, since Storekeeper cannot write down now how much of the call budget is spent.")
	f.RetryAfter = time.Second
	return f.Because(because)
}

// stepOf sets the size of a step to that of a partition of some slots, and returns
// it.
func (p *checkpoint) stepOf(slots int) int {
	if p.leaving {
		return 0
	}
	p.step = max(1, slots/stepsOfPartition)
	return p.step
}

// keepRefusal writes down until when Cloudflare takes no calls, before the caller
// hears of it. Where that fails, the next call has to write first.
func (p *checkpoint) keepRefusal(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.opened || p.budget.refused.Load() < p.refused+int64(time.Second) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refusalLimit)
	defer cancel()
	if p.await(ctx) != nil || p.wait(ctx, p.start(min(p.left, p.step))) != nil {
		p.left = 0
	}
}

// await waits until no write is under way. The caller holds the lock, which is free
// meanwhile.
func (p *checkpoint) await(ctx context.Context) error {
	for p.writing != nil {
		if err := p.wait(ctx, p.writing); err != nil && ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// wait waits for the end of a write, with the lock free.
func (p *checkpoint) wait(ctx context.Context, w *write) error {
	p.mu.Unlock()
	defer p.mu.Lock()
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return fault.From(ctx.Err())
	}
}

// begin begins a write of a checkpoint that allows ahead calls. What the checkpoint
// before allows can be sent meanwhile: the new one counts it too, as sent since.
// The caller holds the lock.
func (p *checkpoint) begin(ahead int) (*write, usageRecord) {
	// A call that is sent meanwhile must not be beyond what either of them allows.
	p.left = min(p.left, ahead)
	p.writing = &write{done: make(chan struct{}), before: p.left, ahead: ahead, refused: p.budget.refused.Load()}
	content := snapshot(p.budget.Scheduler, ahead)
	content.Refused = time.Unix(0, p.writing.refused)
	return p.writing, content
}

// end ends a write. The caller holds the lock.
func (p *checkpoint) end(w *write, err error) {
	p.writing, w.err = nil, err
	if err == nil {
		p.left, p.refused = max(0, w.ahead-(w.before-p.left)), w.refused
	}
	close(w.done)
}

// start writes a checkpoint in the background.
func (p *checkpoint) start(ahead int) *write {
	w, content := p.begin(ahead)
	content.Spent = append(content.Spent, p.budget.partition.extra()...)
	number := p.number
	go func() {
		err := p.put(number, content)
		p.mu.Lock()
		defer p.mu.Unlock()
		if err != nil {
			p.retryAt = time.Now().Add(retryAfter)
		}
		p.end(w, err)
	}()
	return w
}

// put writes a checkpoint, unless the session has ended.
func (p *checkpoint) put(number int64, content usageRecord) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeLimit)
	defer cancel()
	text, err := json.Marshal(content)
	if err != nil {
		return err
	}
	key, session := p.budget.usageKey(number), sessionKey(number)
	return p.budgets.cfg.Store.Commit(ctx, []string{key, session}, func(now map[string]store.Record) (store.Changes, error) {
		if !p.budgets.owns(now[session].Value) {
			return store.Changes{}, errLost
		}
		return store.Changes{Records: map[string]*store.Record{key: {Value: text}}}, nil
	})
}

// exclusively lets do write a checkpoint together with something else. It calls
// before, which returns how many slots the partition will have, once no other write
// is under way, and after when that write has ended, both with the lock held.
func (p *checkpoint) exclusively(ctx context.Context, before func() int, do func(context.Context, usageRecord) error, after func(error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.await(ctx); err != nil {
		return err
	}
	if !p.opened {
		p.number = p.budgets.number
	}
	w, content := p.begin(p.stepOf(before()))
	p.mu.Unlock()
	err := do(ctx, content)
	p.mu.Lock()
	p.opened = p.opened || err == nil
	after(err)
	p.end(w, err)
	return err
}
