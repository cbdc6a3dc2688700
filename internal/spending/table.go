package spending

import (
	"encoding/json"
	"time"
)

// table is the record of one budget: the slots that each replica holds. All slots, including the vacant
// slots, add up to the calls of the budget plus the debt.
type table struct {
	// Calls is the size of the budget, as configured.
	Calls int `json:"calls"`
	// Debt is the number of slots still to remove after the budget became smaller.
	Debt int `json:"debt,omitempty"`
	// Held are the partitions by session number.
	Held map[int64]holding `json:"held,omitempty"`
	// Vacant are the slots that no replica holds.
	Vacant lot `json:"vacant"`
	// Refused is the time until which Cloudflare refuses calls, as left by replicas that are gone.
	Refused time.Time `json:"refused,omitzero"`
}

// holding is the partition of one replica.
type holding struct {
	Slots int `json:"slots"`
	// Step counts the changes of the holding. A replica whose commit answer was lost uses Step to see whether
	// the commit took effect.
	Step int64 `json:"step"`
}

// usageRecord is the checkpoint of a replica: the usage of its partition.
type usageRecord struct {
	Spent []spentSlots `json:"spent,omitempty"`
	// Open is the number of calls that were in flight or may have been sent since.
	Open int `json:"open"`
	// Refused is the time until which Cloudflare refuses calls.
	Refused time.Time `json:"refused,omitzero"`
}

// spentFor returns slots that count as spent for d.
func spentFor(slots int, now time.Time, d time.Duration) []spentSlots {
	if slots <= 0 {
		return nil
	}
	return []spentSlots{{At: now.UnixMilli(), Until: now.Add(d).UnixMilli() + 1, Slots: slots}}
}

// readTable decodes a table. If there is none, usage is unknown, so readTable returns a table with all slots
// spent and known false.
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

// resize adapts the table to a new size of the budget.
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

// payDebt removes vacant slots after the budget became smaller.
func (t *table) payDebt() {
	paid := min(t.Debt, t.Vacant.Slots)
	t.Debt -= paid
	t.Vacant.Slots -= paid
	t.Vacant.trim()
}

// inherit makes the partition of a replica that is gone vacant. Calls that the replica may have sent after
// its checkpoint count as sent now, and may be in flight for straggle.
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
