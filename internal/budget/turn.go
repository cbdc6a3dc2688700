package budget

import "sync/atomic"

// Turn is the right to make one call now, or a place in another's call.
type Turn struct {
	s       *Scheduler
	bill    []charge
	parcels []any
	carried bool
	// convoy is the group that the call was made for, riders is how many asks.
	convoy *convoy
	riders int
	// left is when the call began.
	left int64
	// held is how many slots were held when the call began.
	held int
	done bool
	// taken is set once a request goes by this turn.
	taken atomic.Bool
}

// Take claims the turn for one request, and says whether it was still free.
func (t *Turn) Take() bool { return !t.carried && !t.taken.Swap(true) }

// Carried is whether the call travels with another's turn. Its owner sends
// nothing; the leader of the group tells the parcel what became of it.
func (t *Turn) Carried() bool { return t.carried }

// Passengers are the parcels that travel with this turn, its own not among
// them, in the order in which they are to go.
func (t *Turn) Passengers() []any { return t.parcels }

// Done says that the call has ended. It must be called once for each turn that
// is not carried, or its slot stays held for ever; more calls do nothing.
func (t *Turn) Done(r Result) {
	if t.carried || t.s == nil {
		return
	}
	t.s.end(t, r)
}
