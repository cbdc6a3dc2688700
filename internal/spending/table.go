package spending

import (
	"encoding/json"
	"time"
)

// table is the record of one budget: who holds how many of its slots. All slots
// together, the vacant ones included, are the calls of the budget.
type table struct {
	// Calls is the size of the budget, as configured.
	Calls int `json:"calls"`
	// Debt is how many slots are to go since the budget became smaller.
	Debt int `json:"debt,omitempty"`
	// Held are the partitions by the number of the lease of their replica.
	Held map[int64]holding `json:"held,omitempty"`
	// Vacant are the slots that no replica holds.
	Vacant lot `json:"vacant"`
	// Refused is until when Cloudflare takes no calls, as far as replicas knew
	// that are gone.
	Refused time.Time `json:"refused,omitzero"`
}

// holding is the partition of one replica.
type holding struct {
	Slots int `json:"slots"`
	// Step counts the changes of the holding, so that a replica whose answer was
	// lost finds out whether its change was made.
	Step int64 `json:"step"`
}

// usageRecord is the checkpoint of a replica: what it spent of its partition.
type usageRecord struct {
	Spent []spentSlots `json:"spent,omitempty"`
	// Open is how many calls were under way or may have been sent since.
	Open int `json:"open"`
	// Refused is until when Cloudflare takes no calls.
	Refused time.Time `json:"refused,omitzero"`
}

// spentFor is a lot of slots all of which count as spent for a time.
func spentFor(slots int, now time.Time, d time.Duration) []spentSlots {
	if slots <= 0 {
		return nil
	}
	return []spentSlots{{At: now.UnixMilli(), Until: now.Add(d).UnixMilli() + 1, Slots: slots}}
}

// readTable reads a table, or makes one where there is none: then nobody knows what
// is spent, so all of it counts as spent. known is false in that case.
func (b *Budgets) readTable(text []byte, now time.Time) (t table, known bool) {
	known = len(text) > 0 && json.Unmarshal(text, &t) == nil
	if !known {
		calls := b.cfg.Calls
		t = table{Calls: calls, Vacant: lot{Slots: calls, Spent: spentFor(calls, now, b.cfg.Window+b.margin)}}
	}
	if t.Held == nil {
		t.Held = map[int64]holding{}
	}
	t.Vacant.expire(now, b.skew)
	return t, known
}

// resize makes the table that of a budget of another size.
func (t *table) resize(calls int) {
	switch more := calls - t.Calls; {
	case more > 0:
		t.Vacant.Slots += more - min(more, t.Debt)
		t.Debt -= min(more, t.Debt)
	case more < 0:
		t.Debt -= more
	}
	t.Calls = calls
}

// payDebt takes vacant slots out of the budget that became smaller.
func (t *table) payDebt() {
	paid := min(t.Debt, t.Vacant.Slots)
	t.Debt -= paid
	t.Vacant.Slots -= paid
	t.Vacant.trim()
}

// inherit makes the partition of a replica that is gone vacant. What it may have
// sent without telling counts as if it were sent only now, and is under way for as
// long as straggle.
func (b *Budgets) inherit(t *table, number int64, text []byte, now time.Time) {
	held := t.Held[number]
	delete(t.Held, number)
	of := lot{Slots: held.Slots}
	var left usageRecord
	if len(text) == 0 || json.Unmarshal(text, &left) != nil {
		left = usageRecord{Open: held.Slots}
	}
	of.Spent = append(of.Spent, left.Spent...)
	of.Spent = append(of.Spent, spentFor(left.Open, now, b.cfg.Window+b.margin+b.straggle)...)
	of.expire(now, b.skew)
	of.trim()
	t.Vacant.add(of)
	t.Vacant.expire(now, b.skew)
	if left.Refused.After(t.Refused) {
		t.Refused = left.Refused
	}
}
