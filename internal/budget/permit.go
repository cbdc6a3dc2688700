package budget

import "sync/atomic"

// Permit is the right to make one call now, or a place in the call of another ask.
type Permit struct {
	s       *Scheduler
	bill    []charge
	members []any
	joined  bool
	// window is that of the group of the call, size how many asks share the call.
	window *batchWindow
	size   int
	// sent is when the call began.
	sent int64
	// held is how many slots were held when the call began.
	held int
	done bool
	// taken is set once a request uses the permit.
	taken atomic.Bool
}

// Take takes the permit for one request. It returns false if the permit is taken.
func (t *Permit) Take() bool { return !t.joined && !t.taken.Swap(true) }

// Joined returns whether the ask joined the call of another ask, the leader. The
// owner of such a permit sends nothing; the leader tells Ask.Member the result.
func (t *Permit) Joined() bool { return t.joined }

// Members are the values of Ask.Member of the asks that joined this call, in the
// order in which they are to be sent. That of the leader is not among them.
func (t *Permit) Members() []any { return t.members }

// Done ends the call. It must be called once for each permit that is not joined, or
// its slot stays held for ever; further calls do nothing.
func (t *Permit) Done(r Result) {
	if t.joined || t.s == nil {
		return
	}
	t.s.end(t, r)
}
