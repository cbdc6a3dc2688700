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
	// stepsOfPartition is the number of steps of a partition. A step is what may be spent between two
	// checkpoints. After a crash a step counts as spent, even after repeated crashes. While the store is
	// away, at most a step can be spent.
	stepsOfPartition = 50
	// writeLimit bounds the duration of a checkpoint write.
	writeLimit = 10 * time.Second
	// refusalLimit bounds the time that a call refused with 429 waits for the checkpoint of the refusal.
	refusalLimit = 2 * time.Second
	// retryAfter is the pause before the retry of a failed write.
	retryAfter = time.Second
)

// checkpoint is the usage checkpoint of one budget. It records in the store what this replica has spent of
// its partition, so that a replica that inherits the partition does not spend it again. Cloudflare counts on
// across restarts.
type checkpoint struct {
	budgets *Budgets
	budget  *Credential

	mu sync.Mutex
	// opened says that the checkpoint of this session was written. leaving forbids further spending.
	opened, leaving bool
	// number is the number of the session of the checkpoint.
	number int64
	step   int
	// left is the number of calls that may be sent before the next checkpoint.
	left int
	// writing is the write in progress, nil if there is none.
	writing *write
	// retryAt is the earliest time of the next write after a failure.
	retryAt time.Time
	// refused is the end of the refusal in the last written checkpoint, in nanoseconds since 1970.
	refused int64
}

// write is one write of a checkpoint. Writes run one at a time, so that an older checkpoint never replaces a
// newer checkpoint.
type write struct {
	// done is closed when the write has ended. err is set before.
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

// usable reports whether the partition is open and has had slots.
func (p *checkpoint) usable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened && p.budget.partition.had
}

// shutHeld forbids spending until the partition is open again. The caller holds the lock.
func (p *checkpoint) shutHeld() { p.opened, p.left = false, 0 }

// spend counts a call before it is sent. When half of the step is left, spend starts the write of the next
// checkpoint without waiting. If the step is used up, spend waits for the write. A call that is not
// checkpointed must not be sent, because it would be spent again after a restart. The lease of the partitions
// is checked last. The fault is BUDGET_UNKNOWN.
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

// stepOf sets the size of a step for a partition of the given slots and returns the size.
func (p *checkpoint) stepOf(slots int) int {
	if p.leaving {
		return 0
	}
	p.step = max(1, slots/stepsOfPartition)
	return p.step
}

// keepRefusal checkpoints the time until which Cloudflare refuses calls, before the caller gets the 429. If
// that fails, the next call must write a checkpoint first.
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

// await waits until no write is in progress. The caller holds the lock. await releases the lock while
// waiting.
func (p *checkpoint) await(ctx context.Context) error {
	for p.writing != nil {
		if err := p.wait(ctx, p.writing); err != nil && ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// wait waits for the end of a write. It releases the lock while waiting.
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

// begin begins a write of a checkpoint that allows ahead calls. Calls allowed by the previous checkpoint can
// be sent during the write. The new checkpoint counts them as sent after it. The caller holds the lock.
func (p *checkpoint) begin(ahead int) (*write, usageRecord) {
	// A call that is sent during the write must stay within the limits of both checkpoints.
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

// exclusively lets do write a checkpoint together with other records. Once no other write is in progress,
// exclusively calls before, which returns the future size of the partition in slots. It calls after when the
// write has ended. Both are called with the lock held.
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
