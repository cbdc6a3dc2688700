package spending

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/records"
)

const (
	// stepsOfBudget is how many steps a budget has. A step may be spent between
	// two checkpoints: it counts as spent after a crash, also where a process
	// crashes again and again, and it can be spent while the store is away.
	stepsOfBudget = 50

	usagePrefix = "budget/usage/"
)

var errFound = errors.New("there is such a record")

// checkpoint is the usage checkpoint of one budget: it keeps in the store what is
// spent, so that a process that starts does not spend it again. Cloudflare does
// not know of restarts. Each replica has a partition of the budget with a
// checkpoint of its own; who takes over the partition reads it.
type checkpoint struct {
	cfg    *Config
	budget *Credential
	// all are the budgets of all credentials.
	all []*Credential
	// partition is the one that is held, -1 for none. Only the goroutine that
	// renews the lease uses it.
	partition int

	mu sync.Mutex
	// failed is the failure that was logged last.
	failed error
	key    string
	// leaseKey is that of the partition, "" where the store is not shared.
	leaseKey string
	opened   bool
	step     int
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

// usage is the content of a checkpoint.
type usage struct {
	// Spent is what was spent then.
	Spent []budget.Spent `json:"spent,omitempty"`
	// Ahead is how much may have been spent since.
	Ahead int `json:"ahead"`
	// Refused is until when Cloudflare takes no calls.
	Refused time.Time `json:"refused,omitzero"`
}

func newCheckpoint(b *Budgets, of *Credential) *checkpoint {
	return &checkpoint{cfg: &b.cfg, all: b.list, budget: of, partition: -1}
}

func (p *checkpoint) ready() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened
}

// shut lets nothing be spent until there is a partition again.
func (p *checkpoint) shut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened = false
}

// open reads the checkpoint of a partition, and the refusals in those of all
// partitions.
func (p *checkpoint) open(ctx context.Context, partition int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.step = max(1, p.budget.State().Limit/stepsOfBudget)
	p.key, p.leaseKey = p.usageKeyOf(partition), ""
	if p.cfg.Shared {
		p.leaseKey = p.leaseKeyOf(partition)
	}
	found, err := p.cfg.Store.Get(ctx, p.usageKeys()...)
	if err != nil {
		return err
	}
	own := found[p.key]
	if len(own.Value) == 0 && !p.cfg.Lived {
		if own, err = p.first(ctx); err != nil {
			return err
		}
	}
	if !p.takeOver(own.Value) {
		p.cfg.Log.Warn("it is not known what earlier lives spent of the budget, so all of it counts as spent for one window",
			zap.String("budget", p.budget.name), zap.Duration("window", p.cfg.Window))
	}
	for _, other := range found {
		p.block(other.Value)
	}
	if err := p.writeNow(ctx, p.step); err != nil {
		return err
	}
	p.opened = true
	return nil
}

// first makes the checkpoints of all budgets where there is none of any budget:
// such a store is new, so nobody can have spent anything. It returns the own
// checkpoint.
func (p *checkpoint) first(ctx context.Context) (records.Entry, error) {
	err := p.cfg.Store.Scan(ctx, usagePrefix, func(string, records.Entry) error { return errFound })
	switch {
	case errors.Is(err, errFound):
		found, err := p.cfg.Store.Get(ctx, p.key)
		return found[p.key], err
	case err != nil:
		return records.Entry{}, err
	}
	var keys []string
	for _, one := range p.all {
		keys = append(keys, one.usage.usageKeys()...)
	}
	var own records.Entry
	err = p.cfg.Store.Change(ctx, keys, func(now map[string]records.Entry) (map[string]*records.Entry, error) {
		begun := map[string]*records.Entry{}
		for _, key := range keys {
			if _, there := now[key]; !there {
				begun[key] = &records.Entry{Value: []byte("{}")}
			}
		}
		own = now[p.key]
		if e := begun[p.key]; e != nil {
			own = *e
		}
		return begun, nil
	})
	return own, err
}

// takeOver counts what an earlier life spent. It returns false for a checkpoint
// that is missing or cannot be read: then the whole budget counts as spent.
func (p *checkpoint) takeOver(text []byte) bool {
	var before usage
	known := json.Unmarshal(text, &before) == nil
	if !known {
		before = usage{Ahead: p.budget.State().Limit}
	}
	p.budget.Spend(before.Spent)
	p.budget.Spend([]budget.Spent{{Until: time.Now().Add(p.cfg.Window), Turns: before.Ahead}})
	if before.Refused.After(time.Now()) {
		p.budget.refusedUntil(before.Refused.UnixNano())
	}
	return known
}

// block stops calls until a checkpoint says that Cloudflare takes them again.
func (p *checkpoint) block(text []byte) {
	var of usage
	if json.Unmarshal(text, &of) != nil {
		return
	}
	if d := time.Until(of.Refused); d > 0 {
		p.budget.Block(min(d, time.Hour))
	}
}
