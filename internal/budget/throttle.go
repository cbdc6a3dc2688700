package budget

import (
	"math"
	"time"
)

// throttle is what Cloudflare let know about calls that did not go through
// this scheduler.
type throttle struct {
	// until is when the block after a 429 ends, calm when calls may come in
	// bursts again.
	until, calm int64
	// amount is how many calls others made, as seen at the time seen; it fades
	// by half in each window. outside is what is left of it.
	amount  float64
	seen    int64
	outside int
}

// settle lets fade what is known of others.
func (h *throttle) settle(now, window int64) {
	if h.amount == 0 {
		return
	}
	left := h.amount
	if now > h.seen {
		left *= math.Exp2(-float64(now-h.seen) / float64(window))
	}
	h.outside = int(left + 0.5)
	if h.outside == 0 {
		h.amount = 0
	}
}

// learn takes note of calls made by others, from a time on.
func (h *throttle) learn(calls int, from int64) {
	if calls > 0 && calls >= h.outside {
		h.amount, h.seen, h.outside = float64(calls), max(from, h.seen), calls
	}
}

// refusedBy stops all calls after a 429. Cloudflare counted more calls than
// this scheduler made, so the others are those that it did not see.
func (s *Scheduler) refusedBy(r Result, now int64) {
	pause := int64(r.RetryAfter)
	if pause <= 0 {
		pause = s.window
	}
	if now >= s.throttle.until {
		others := max(1, s.own-s.spent.held())
		s.throttle.learn(min(others, s.own-1), now+pause)
	}
	s.block(now+pause, now)
}

// Block stops all calls for a time, as after a 429 that another replica got. It
// makes an ongoing block longer, never shorter.
func (s *Scheduler) Block(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.settle(now)
	s.block(now+int64(d), now)
	if !s.closed {
		s.run(now)
	}
}

// block stops all calls until a time, and refuses those that cannot wait.
func (s *Scheduler) block(until, now int64) {
	if until <= s.throttle.until || until <= now {
		return
	}
	s.throttle.until = until
	s.throttle.calm = until + s.window
	s.pace.known = false
	for s.limits.Len() > 0 && s.limits.top().deadline < until {
		s.turnAway(s.limits.top(), now)
	}
}
