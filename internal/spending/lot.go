package spending

import (
	"cmp"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/budget"
)

// maxSkew is the maximum clock difference between two replicas.
const maxSkew = 10 * time.Second

// spentSlots are slots that count as spent until a time. Times are in milliseconds since 1970 by the clock of
// the process that wrote the record.
type spentSlots struct {
	At    int64 `json:"at"`
	Until int64 `json:"until"`
	Slots int   `json:"slots"`
}

// lot is a number of slots, some of which are spent.
type lot struct {
	Slots int          `json:"slots"`
	Spent []spentSlots `json:"spent,omitempty"`
}

// written converts spent slots for a record.
func written(list []budget.Spent, now time.Time) []spentSlots {
	all := make([]spentSlots, 0, len(list))
	for _, one := range list {
		// Until is rounded up, because a slot must not become free too early.
		all = append(all, spentSlots{At: now.UnixMilli(), Until: one.Until.UnixMilli() + 1, Slots: one.Slots})
	}
	return all
}

// readSpent converts spent slots of a record. Two bounds exist for the end, and the earlier applies: the
// remaining time when the record was written, counted from now; and the written time plus skew.
func readSpent(list []spentSlots, now time.Time, skew time.Duration) []budget.Spent {
	var all []budget.Spent
	for _, one := range list {
		left := time.Duration(one.Until-one.At) * time.Millisecond
		byClock := time.UnixMilli(one.Until).Sub(now.Round(0)) + skew
		if left = min(left, byClock); left > 0 {
			all = append(all, budget.Spent{Until: now.Add(left), Slots: one.Slots})
		}
	}
	return all
}

// expire drops slots that are free again, and sorts the rest by time.
func (l *lot) expire(now time.Time, skew time.Duration) {
	l.Spent = slices.DeleteFunc(l.Spent, func(s spentSlots) bool {
		return s.Slots <= 0 || time.UnixMilli(s.Until).Add(skew).Before(now)
	})
	slices.SortStableFunc(l.Spent, func(a, b spentSlots) int { return cmp.Compare(a.Until, b.Until) })
}

func (l *lot) spent() int {
	n := 0
	for _, one := range l.Spent {
		n += one.Slots
	}
	return n
}

// add adds another lot.
func (l *lot) add(other lot) {
	l.Slots += other.Slots
	l.Spent = append(l.Spent, other.Spent...)
}

// take removes up to n slots: free slots first, then spent slots in the order in which they become free.
func (l *lot) take(n int) lot {
	n = max(0, min(n, l.Slots))
	taken := lot{Slots: n}
	n -= min(n, max(0, l.Slots-l.spent()))
	l.Slots -= taken.Slots
	for n > 0 && len(l.Spent) > 0 {
		one := &l.Spent[0]
		k := min(n, one.Slots)
		taken.Spent = append(taken.Spent, spentSlots{At: one.At, Until: one.Until, Slots: k})
		one.Slots -= k
		n -= k
		if one.Slots == 0 {
			l.Spent = l.Spent[1:]
		}
	}
	return taken
}

// trim drops spent slots beyond the number of slots, in the order in which they become free.
func (l *lot) trim() {
	for over := l.spent() - l.Slots; over > 0; {
		k := min(over, l.Spent[0].Slots)
		l.Spent[0].Slots -= k
		over -= k
		if l.Spent[0].Slots == 0 {
			l.Spent = l.Spent[1:]
		}
	}
}
