package spending

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"platform.internal/storekeeper/internal/budget"
)

const (
	// idlePart is a divisor of the budget: all replicas together keep this part in reserve, so that a first
	// call need not wait.
	idlePart = 48
	// headroom is the factor on its usage that a tenant without waiting calls gets.
	headroom = 1.25
)

// demand is the demand of a replica for one budget, as published to the others.
type demand struct {
	Flows map[string]budget.Flow `json:"flows,omitempty"`
	// Small is the number of calls of all tenants not in Flows in the last window.
	Small float64 `json:"small,omitempty"`
	// Free is the number of unspent slots.
	Free int `json:"free,omitempty"`
	// Short is the number of slots missing to the target.
	Short int `json:"short,omitempty"`
}

// calls returns the number of calls made in the last window plus the waiting calls.
func (w demand) calls() int {
	n := w.Small
	for _, f := range w.Flows {
		n += f.Used + f.Waiting
	}
	return int(math.Ceil(n))
}

func (w demand) busy() bool {
	if w.Short > 0 {
		return true
	}
	for _, f := range w.Flows {
		if f.Waiting > 0 {
			return true
		}
	}
	return false
}

// flow is the demand of a tenant at all replicas.
type flow struct {
	name                        string
	want, used, waiting, weight float64
	// part is the allocation of the tenant.
	part float64
}

// allocate returns the number of slots that each replica should hold. All replicas compute the same result
// from the same demand, and the slots add up to calls. The budget is shared between tenants, not replicas, by
// weighted max-min fairness. A tenant with waiting calls wants everything. A tenant without wants its usage
// plus headroom. A replica gets the parts of its tenants. The remainder is shared equally.
func allocate(calls int, wants []demand, weight func(string) float64) []int {
	n := len(wants)
	kept := calls / (idlePart * n)
	left := float64(calls - kept*n)
	got := make([]float64, n)
	var small float64
	for _, w := range wants {
		small += w.Small * headroom
	}
	for i, w := range wants {
		if small > 0 {
			got[i] = w.Small * headroom * min(1, left/small)
		}
	}
	left -= min(left, small)
	flows := gather(wants, left, weight)
	for _, f := range fill(flows, left) {
		left -= f.part
		f.split(wants, got)
	}
	for i := range got {
		got[i] += float64(kept) + max(0, left)/float64(n)
	}
	return whole(got, calls)
}

// gather sums up the demand of each tenant. A tenant with waiting calls wants all.
func gather(wants []demand, all float64, weight func(string) float64) []flow {
	sum := map[string]flow{}
	for _, w := range wants {
		for name, one := range w.Flows {
			f := sum[name]
			f.name, f.weight = name, weight(name)
			f.used, f.waiting = f.used+one.Used, f.waiting+one.Waiting
			sum[name] = f
		}
	}
	flows := slices.Collect(maps.Values(sum))
	for i := range flows {
		f := &flows[i]
		if f.want = min(all, f.used*headroom+1); f.waiting > 0 {
			f.want = all
		}
	}
	slices.SortFunc(flows, func(a, b flow) int {
		return cmp.Or(cmp.Compare(a.want/a.weight, b.want/b.weight), cmp.Compare(a.name, b.name))
	})
	return flows
}

// fill gives flows, sorted by want per weight, their weighted max-min fair parts of left.
func fill(flows []flow, left float64) []flow {
	var weights float64
	for _, f := range flows {
		weights += f.weight
	}
	for i := range flows {
		f := &flows[i]
		f.part = min(f.want, left*f.weight/weights)
		left -= f.part
		weights -= f.weight
	}
	return flows
}

// split distributes the part of a tenant over the replicas: first the usage of replicas where the tenant does
// not wait, then the rest to replicas where the tenant waits.
func (f flow) split(wants []demand, got []float64) {
	rest := f.part
	for i, w := range wants {
		one := w.Flows[f.name]
		if f.waiting > 0 && one.Waiting > 0 || one.Used == 0 {
			continue
		}
		uses := f.part * one.Used / f.used
		if f.waiting > 0 {
			uses = min(uses, one.Used*headroom)
		}
		got[i] += uses
		rest -= uses
	}
	for i, w := range wants {
		if f.waiting > 0 {
			got[i] += max(0, rest) * w.Flows[f.name].Waiting / f.waiting
		}
	}
}

// whole rounds to integers that add up to calls.
func whole(got []float64, calls int) []int {
	slots := make([]int, len(got))
	order := make([]int, len(got))
	for i, g := range got {
		slots[i], order[i] = int(g), i
		calls -= slots[i]
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(got[b]-float64(slots[b]), got[a]-float64(slots[a]))
	})
	for i := 0; calls > 0; i, calls = i+1, calls-1 {
		slots[order[i%len(order)]]++
	}
	for i := 0; calls < 0; i++ {
		if at := order[len(order)-1-i%len(order)]; slots[at] > 0 {
			slots[at]--
			calls++
		}
	}
	return slots
}
