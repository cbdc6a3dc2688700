package spending

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
)

const (
	// writeLimit bounds the write of a checkpoint.
	writeLimit = 10 * time.Second
	// refusalLimit bounds how long a refused call waits until the refusal is
	// written down.
	refusalLimit = 2 * time.Second
	// retryAfter is when a write is tried again after it failed.
	retryAfter = time.Second
)

// write is one write of a checkpoint. One is under way at a time, so that an older
// checkpoint never replaces a newer one.
type write struct {
	// done is closed when the write has ended; err is set before.
	done chan struct{}
	err  error
}

// spend counts a call that is about to be sent. When half of the step is left it
// starts the write of the next checkpoint and does not wait. It waits only where
// the step is used up. A call that cannot be written down is not sent: a later
// life would spend it again. The fault is BUDGET_UNKNOWN then.
func (p *checkpoint) spend(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.opened && p.left == 0 {
		if p.writing == nil {
			if time.Now().Before(p.retryAt) {
				return unaccounted(errUnknown)
			}
			p.start(p.step)
		}
		if err := p.wait(ctx, p.writing); err != nil {
			return unaccounted(err)
		}
	}
	if !p.opened {
		return unaccounted(errUnknown)
	}
	p.left--
	if p.left <= p.step/2 && p.writing == nil && !time.Now().Before(p.retryAt) {
		p.start(p.step)
	}
	return nil
}

func unaccounted(because error) error {
	f := fault.New(fault.Unavailable, "BUDGET_UNKNOWN",
		"The call was not sent, since Storekeeper cannot write down now how much of the call budget is spent.")
	f.RetryAfter = time.Second
	return f.Because(because)
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
	if p.writeNow(ctx, p.left) != nil {
		p.left = 0
	}
}

// Flush writes the last checkpoints, after which nothing is spent.
func (b *Budgets) Flush(ctx context.Context) error {
	var errs []error
	for _, one := range b.list {
		errs = append(errs, one.usage.flush(ctx))
	}
	return errors.Join(errs...)
}

func (p *checkpoint) flush(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.opened {
		return nil
	}
	return p.writeNow(ctx, 0)
}

// writeNow writes a checkpoint after the one that is being written, and waits for
// it. The caller holds the lock, which is free meanwhile.
func (p *checkpoint) writeNow(ctx context.Context, ahead int) error {
	for p.writing != nil {
		if err := p.wait(ctx, p.writing); err != nil && ctx.Err() != nil {
			return err
		}
	}
	return p.wait(ctx, p.start(min(ahead, p.step)))
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

// start begins to write a checkpoint that allows ahead calls. What the checkpoint
// before allows can be sent meanwhile: the new one counts it too, as sent since.
// The caller holds the lock.
func (p *checkpoint) start(ahead int) *write {
	w := &write{done: make(chan struct{})}
	p.writing = w
	refused := p.budget.refused.Load()
	content := usage{Spent: p.budget.Spent(), Ahead: ahead, Refused: time.Unix(0, refused)}
	// A call that is sent meanwhile must not be beyond what either of them allows.
	p.left = min(p.left, ahead)
	before := p.left
	go func() {
		err := p.put(content)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.writing, w.err = nil, err
		if err == nil {
			p.left, p.refused = ahead-(before-p.left), refused
		} else {
			p.retryAt = time.Now().Add(retryAfter)
		}
		close(w.done)
	}()
	return w
}

// put writes a checkpoint, unless another replica has the partition by now.
func (p *checkpoint) put(content usage) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeLimit)
	defer cancel()
	text, err := json.Marshal(content)
	if err != nil {
		return err
	}
	keys := []string{p.key}
	if p.leaseKey != "" {
		keys = append(keys, p.leaseKey)
	}
	return p.cfg.Store.Change(ctx, keys, func(now map[string]records.Entry) (map[string]*records.Entry, error) {
		changes := map[string]*records.Entry{p.key: {Value: text}}
		if p.leaseKey == "" {
			return changes, nil
		}
		if had, taken := now[p.leaseKey]; taken && string(had.Value) != p.cfg.Replica {
			return nil, errTaken
		}
		changes[p.leaseKey] = &records.Entry{Value: []byte(p.cfg.Replica), Expires: time.Now().Add(leaseLife)}
		return changes, nil
	})
}
