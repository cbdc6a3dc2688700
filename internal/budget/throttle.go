package budget

import (
	"math"
	"time"
)

// throttle holds the information in Cloudflare's answers about calls outside this scheduler.
type throttle struct {
	// until is the end of the block after a 429. Bursts are allowed again from calm.
	until, calm int64
	// amount is the number of other calls by the headers of an answer at the time seen. It is halved in each
	// window.
	amount float64
	seen   int64
	// others is the estimate from 429s.
	others outside
	// outside is the number of slots given up.
	outside int
}

// advance lets the estimates decay.
func (h *throttle) advance(now, window int64) {
	left := h.amount
	if left > 0 && now > h.seen {
		left *= math.Exp2(-float64(now-h.seen) / float64(window))
	}
	if left < 0.5 {
		h.amount = 0
	}
	h.outside = int(max(left, h.others.at(now)) + 0.5)
}

// scale scales the estimates when the number of own slots changes.
func (h *throttle) scale(by float64) {
	h.amount *= by
	h.others.steady.amount *= by
	h.others.before.amount *= by
	for i := range h.others.bursts {
		h.others.bursts[i].calls *= by
	}
}

// learn records calls of others that headers tell of.
func (h *throttle) learn(calls int, now int64) {
	if calls > 0 && calls >= h.outside {
		h.amount, h.seen, h.outside = float64(calls), now, calls
	}
}

// refusedBy stops all calls after a 429. Cloudflare counted more calls than this
// scheduler made; the difference are calls of others.
func (s *Scheduler) refusedBy(r Result, now int64) {
	pause := int64(r.RetryAfter)
	if pause <= 0 {
		pause = s.window
	}
	if now >= s.throttle.until {
		h := &s.throttle
		h.others.refused(now, now+pause, s.spent.held(), s.spent.inFlight+s.spent.since(h.others.ended, s.window))
		h.advance(now, s.window)
	}
	s.block(now+pause, now)
}

// Block stops all calls for a time, for example after a 429 to another replica. It can extend a block and
// never shortens a block.
func (s *Scheduler) Block(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.advance(now)
	s.block(now+int64(d), now)
	if !s.closed {
		s.run(now)
	}
}

// block stops all calls until a time, and refuses asks that cannot wait until then.
func (s *Scheduler) block(until, now int64) {
	if until <= s.throttle.until || until <= now {
		return
	}
	s.throttle.until = until
	s.throttle.calm = until + s.window
	s.pacer.known = false
	for s.limits.Len() > 0 && s.limits.top().deadline < until {
		s.refuse(s.limits.top(), now)
	}
}
