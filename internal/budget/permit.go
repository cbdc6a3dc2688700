package budget

import "sync/atomic"

// Permit is the right to make one call now, or membership in the call of another ask.
type Permit struct {
	s       *Scheduler
	bill    []charge
	members []any
	joined  bool
	// window is the batch window of the group, and size the number of asks that share the call.
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

// Take takes the permit for one request. It returns false if the permit is already taken.
func (t *Permit) Take() bool { return !t.joined && !t.taken.Swap(true) }

// Joined reports whether the ask joined the call of another ask, the leader. The owner of such a permit sends
// nothing. The leader reports the result to Ask.Member.
func (t *Permit) Joined() bool { return t.joined }

// Members returns the Ask.Member values of the asks that joined this call, in the order to send, without the
// leader's.
func (t *Permit) Members() []any { return t.members }

// Done ends the call. It must be called for each permit that has not joined, or its slot is held forever.
// Further calls have no effect.
func (t *Permit) Done(r Result) {
	if t.joined || t.s == nil {
		return
	}
	t.s.end(t, r)
}
