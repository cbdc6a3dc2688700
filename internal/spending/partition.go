package spending

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/store"
)

// longestBlock bounds the duration of a refusal that is read from a record.
const longestBlock = time.Hour

// leaseAttempt is a commit to the own partition whose answer was lost.
type leaseAttempt struct {
	// step is the number of the attempt in the holding. It is unique in the session.
	step int64
	// taken are the slots taken by this attempt and by earlier attempts that took effect.
	taken lot
}

// partition is the part of a budget that this replica holds. The lock of the
// checkpoint guards it.
type partition struct {
	// slots is the number of slots of the scheduler.
	slots int
	// steps counts the attempts.
	steps int64
	// out are slots that were taken from the scheduler and are to become vacant.
	out lot
	// attempts are the attempts whose answers were lost. At most one took effect.
	attempts []*leaseAttempt
	// had says that the partition has had slots.
	had bool
}

// extra returns slots of the own partition that may be spent and that the scheduler does not have.
func (p *partition) extra() []spentSlots {
	all := slices.Clone(p.out.Spent)
	for _, a := range p.attempts {
		all = append(all, a.taken.Spent...)
	}
	return all
}

func (c *Credential) tableKey() string { return "budget/table/" + c.name }

func (c *Credential) usageKey(number int64) string {
	return "budget/usage/" + c.name + "/" + sessionKey(number)
}

// move changes the own partition of a budget towards target slots: it returns slots or takes vacant slots.
// Slots of replicas that are gone become vacant. The checkpoint is written in the same commit.
func (b *Budgets) move(ctx context.Context, c *Credential, target int) error {
	found, err := b.cfg.Store.Get(ctx, c.tableKey())
	if err != nil {
		return err
	}
	t, _ := b.readTable(found[c.tableKey()].Value, time.Now())
	keys := []string{c.tableKey(), c.usageKey(b.number), sessionKey(b.number)}
	for number := range t.Held {
		if b.peers[number] == nil && number != b.number {
			keys = append(keys, c.usageKey(number), sessionKey(number))
		}
	}
	shrink := func() int {
		if own := &c.partition; len(own.attempts) == 0 {
			slots, spent := c.Shrink(own.slots - target)
			own.slots -= slots
			own.out.add(lot{Slots: slots, Spent: written(spent, time.Now())})
		}
		return target
	}
	var m *moving
	change := func(ctx context.Context, content usageRecord) error {
		return b.cfg.Store.Commit(ctx, keys, func(now map[string]store.Record) (store.Changes, error) {
			m = &moving{b: b, c: c, target: target, content: content, keys: keys, at: time.Now()}
			return m.decide(now)
		})
	}
	return c.usage.exclusively(ctx, shrink, change, func(err error) {
		switch {
		case err == nil:
			b.moved(c, m)
		case m != nil && m.next != nil:
			// The commit may have taken effect. The next move finds out.
			c.partition.attempts = append(c.partition.attempts, m.next)
		}
	})
}

// moved applies a successful move.
func (b *Budgets) moved(c *Credential, m *moving) {
	own := &c.partition
	own.out, own.attempts = lot{}, nil
	now := time.Now()
	if taken := m.next.taken; taken.Slots > 0 {
		c.Grow(taken.Slots, readSpent(taken.Spent, now, b.skew))
		own.slots += taken.Slots
	}
	own.had = own.had || own.slots > 0
	if m.unknown {
		b.cfg.Log.Warn("it is not known what earlier lives spent of the budget, so all of it counts as spent for one window",
			zap.String("budget", c.name), zap.Duration("window", b.cfg.Window))
	}
	if d := m.refused.Sub(now.Round(0)); d > 0 {
		c.refusedUntil(m.refused.UnixNano())
		c.Block(min(d, longestBlock))
	}
}

// moving is one decision about a change of the own partition.
type moving struct {
	b       *Budgets
	c       *Credential
	target  int
	content usageRecord
	keys    []string
	at      time.Time

	// next is the attempt of this commit.
	next    *leaseAttempt
	unknown bool
	refused time.Time
}

// decide computes the new table, the checkpoint, and the deletion of the checkpoints of replicas that are
// gone.
func (m *moving) decide(now map[string]store.Record) (store.Changes, error) {
	b, c := m.b, m.c
	if !b.owns(now[sessionKey(b.number)].Value) {
		return store.Changes{}, errLost
	}
	t, known := b.readTable(now[c.tableKey()].Value, m.at)
	m.unknown = !known
	t.resize(b.cfg.Calls)
	changes := map[string]*store.Record{}
	for number := range maps.Clone(t.Held) {
		key := c.usageKey(number)
		if number == b.number || !slices.Contains(m.keys, key) {
			continue
		}
		if _, lives := now[sessionKey(number)]; !lives {
			b.inherit(&t, number, now[key].Value, m.at)
			changes[key] = nil
		}
	}
	own, out := t.Held[b.number], c.partition.out
	c.partition.steps++
	m.next = &leaseAttempt{step: c.partition.steps}
	for _, a := range c.partition.attempts {
		if own.Step == a.step {
			// This attempt took effect.
			m.next.taken.add(a.taken)
			out = lot{}
		}
	}
	own.Slots -= out.Slots
	t.Vacant.add(out)
	t.Vacant.expire(m.at, b.skew)
	t.payDebt()
	if out.Slots == 0 {
		taken := t.Vacant.take(m.target - own.Slots)
		own.Slots += taken.Slots
		m.next.taken.add(taken)
	}
	own.Step = m.next.step
	t.Held[b.number] = own
	m.refused = t.Refused
	m.content.Spent = append(m.content.Spent, m.next.taken.Spent...)
	text, err := json.Marshal(t)
	used, err2 := json.Marshal(m.content)
	changes[c.tableKey()], changes[c.usageKey(b.number)] = &store.Record{Value: text}, &store.Record{Value: used}
	return store.Changes{Records: changes}, errors.Join(err, err2)
}

// leave returns the own partition of a budget and deletes the checkpoint.
func (b *Budgets) leave(ctx context.Context, c *Credential) error {
	keys := []string{c.tableKey(), c.usageKey(b.number), sessionKey(b.number)}
	change := func(ctx context.Context, content usageRecord) error {
		content.Spent = append(content.Spent, c.partition.extra()...)
		text, err := json.Marshal(content)
		if err != nil {
			return err
		}
		return b.cfg.Store.Commit(ctx, keys, func(now map[string]store.Record) (store.Changes, error) {
			if !b.owns(now[sessionKey(b.number)].Value) {
				return store.Changes{}, errLost
			}
			at := time.Now()
			t, _ := b.readTable(now[c.tableKey()].Value, at)
			b.inherit(&t, b.number, text, at)
			table, err := json.Marshal(t)
			return store.Changes{Records: map[string]*store.Record{c.tableKey(): {Value: table}, c.usageKey(b.number): nil}}, err
		})
	}
	c.usage.mu.Lock()
	c.usage.leaving = true
	c.usage.mu.Unlock()
	return c.usage.exclusively(ctx, func() int { return 0 }, change, func(err error) {
		if err == nil {
			c.usage.shutHeld()
		}
	})
}

// snapshot returns the usage of a scheduler, plus the calls that it may still send.
func snapshot(s *budget.Scheduler, ahead int) usageRecord {
	ended, flying := s.Spent()
	return usageRecord{Spent: written(ended, time.Now()), Open: flying + ahead}
}
