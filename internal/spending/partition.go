package spending

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/records"
)

const (
	// leaseLife is how long a replica that does not renew the lease of its
	// partition keeps it.
	leaseLife = 4 * time.Second
	// leaseEvery is how often it renews the lease.
	leaseEvery = leaseLife / 4
)

var (
	errTaken   = errors.New("all partitions of the budget are held by other replicas")
	errUnknown = errors.New("what is spent of the budget is not known, since the records cannot be reached")
)

// Open takes a partition of each budget and reads what earlier lives spent of it.
// What cannot be opened now is opened by Run.
func (b *Budgets) Open(ctx context.Context) {
	for _, one := range b.list {
		one.usage.renew(ctx)
	}
}

// Run opens what Open could not, and renews the leases of partitions, until ctx
// ends. While the records cannot be reached, no process spends what it cannot
// checkpoint.
func (b *Budgets) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, one := range b.list {
		all.Go(func() { one.usage.run(ctx) })
	}
	all.Wait()
}

func (p *checkpoint) run(ctx context.Context) {
	tick := time.NewTicker(leaseEvery)
	defer tick.Stop()
	for p.cfg.Shared || !p.ready() {
		select {
		case <-tick.C:
			p.renew(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// renew takes a partition or renews its lease, and reads its checkpoint.
func (p *checkpoint) renew(ctx context.Context) {
	partition, err := p.lease(ctx)
	if err == nil && !p.ready() {
		err = p.open(ctx, partition)
	}
	log, before := p.cfg.Log, p.noteFailure(err)
	switch {
	case errors.Is(err, errTaken):
		// The lease has ended, and another replica has the partition.
		p.shut()
		if !errors.Is(before, errTaken) {
			log.Warn("all partitions of the budget are held by other replicas, so this replica makes no calls; budget.replicas is how many there are", zap.Int("replicas", p.cfg.Replicas))
		}
	case err != nil && before == nil && ctx.Err() == nil:
		log.Warn("the records cannot be reached, so this replica makes no calls beyond those that it wrote down", zap.String("budget", p.budget.name), zap.Error(err))
	case err == nil && before != nil:
		log.Info("what is spent of the budget is written down", zap.String("budget", p.budget.name))
	}
}

// noteFailure keeps a failure and returns the one before.
func (p *checkpoint) noteFailure(err error) (before error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before, p.failed = p.failed, err
	return before
}

// failure is why the checkpoint is not open, where that is known.
func (p *checkpoint) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// lease takes a partition, or renews the lease of the one that it has. It returns
// errTaken if other replicas hold all of them.
func (p *checkpoint) lease(ctx context.Context) (int, error) {
	if !p.cfg.Shared {
		return 0, nil
	}
	for i := range p.cfg.Replicas {
		if p.partition >= 0 && p.partition != i {
			continue
		}
		key := p.leaseKeyOf(i)
		err := p.cfg.Store.Change(ctx, []string{key}, func(now map[string]records.Entry) (map[string]*records.Entry, error) {
			if had, taken := now[key]; taken && string(had.Value) != p.cfg.Replica {
				return nil, errTaken
			}
			return map[string]*records.Entry{key: {Value: []byte(p.cfg.Replica), Expires: time.Now().Add(leaseLife)}}, nil
		})
		if err == nil || !errors.Is(err, errTaken) {
			p.partition = i
			return i, err
		}
	}
	p.partition = -1
	return -1, errTaken
}

func (p *checkpoint) leaseKeyOf(i int) string {
	return "budget/lease/" + p.budget.name + "/" + strconv.Itoa(i)
}

func (p *checkpoint) usageKeyOf(i int) string {
	return usagePrefix + p.budget.name + "/" + strconv.Itoa(i)
}

// usageKeys are those of all partitions.
func (p *checkpoint) usageKeys() []string {
	keys := make([]string, max(1, p.cfg.Replicas))
	for i := range keys {
		keys[i] = p.usageKeyOf(i)
	}
	return keys
}
