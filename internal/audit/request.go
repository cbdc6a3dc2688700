package audit

import (
	"sync/atomic"
	"time"
)

// The states of a request. Whoever moves it from one to the next with a
// compare-and-swap owns what follows.
const (
	// waiting: in the queue.
	waiting int32 = iota
	// taken: in the batch that is being written.
	taken
	// settled: its result is in done.
	settled
	// gone: its caller gave up and was told that nothing was written.
	gone
)

// maxKept is the largest buffer that is kept for the next request.
const maxKept = 64 << 10

// request is one call of Append. It holds the records as they are written, so
// that nothing of the caller's memory is read after the caller gave up.
type request struct {
	state atomic.Int32
	done  chan error
	// text is the bodies, end to end; ends says where each stops.
	text []byte
	ends []int
	// intents are the ids of those of the records that are intents.
	intents []string
}

func (r *request) fill(records []Record, now func() time.Time) error {
	for i := range records {
		record := records[i]
		switch record.Kind {
		case KindIntent, KindOutcome, KindAlarm, KindDenial:
		default:
			return errKind
		}
		if record.Time.IsZero() {
			record.Time = now()
		}
		record = record.clean()
		r.text = appendBody(r.text, &record, origin{})
		r.ends = append(r.ends, len(r.text))
		if record.Kind == KindIntent {
			r.intents = append(r.intents, record.ID)
		}
	}
	return nil
}

func (r *request) reset() {
	r.state.Store(waiting)
	clear(r.intents)
	r.text, r.ends, r.intents = r.text[:0], r.ends[:0], r.intents[:0]
}

// giveUp is for the caller. Where it returns false the result is on its way.
func (r *request) giveUp() bool {
	return r.state.CompareAndSwap(waiting, gone) || r.state.CompareAndSwap(taken, gone)
}

// take is for the writer. Where it returns false the caller gave up and the
// records must not be written.
func (r *request) take() bool { return r.state.CompareAndSwap(waiting, taken) }

// settle is for the writer. Where it returns false the caller gave up.
func (r *request) settle(err error) bool {
	if !r.state.CompareAndSwap(taken, settled) {
		return false
	}
	r.done <- err
	return true
}

func (r *request) appendBodies(bodies [][]byte) [][]byte {
	start := 0
	for _, end := range r.ends {
		bodies = append(bodies, r.text[start:end])
		start = end
	}
	return bodies
}

// notSent makes the outcomes for intents that were written after their caller
// had been refused.
func (r *request) notSent(owed [][]byte, at time.Time) [][]byte {
	for _, id := range r.intents {
		record := Record{
			Kind: KindOutcome, Time: instant(at), ID: id,
			Outcome: NotSent, Reason: ReasonWaiterGone,
		}
		owed = append(owed, appendBody(nil, &record, origin{}))
	}
	return owed
}
