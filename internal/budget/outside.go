package budget

import "math"

// Calls by other programs with the same credential become visible only in 429s: Cloudflare then has counted
// more calls than this scheduler made. The scheduler gives up own slots according to an estimate of these
// calls.
//
// A first 429 may be due to a burst that does not recur, so a large level is given up only for a short time.
// A steady load causes another 429 in that time. A confirmed level holds for hours, because each test whether
// the load has ended costs a block. If a 429 comes an hour after another, the load is hourly, and slots are
// given up only around that time of the hour.

const (
	// memorable is the part of the slots that one 429 can reserve for a long time.
	memorable = 0.125
	// deviations is the number of standard deviations of a random load that are given up beyond the
	// observation. unsure is the part of the own slots that is given up in addition if a 429 gives only a
	// lower bound.
	deviations, unsure = 3, 0.025
	// mostOutside is the maximum part of the own slots that can be given up.
	mostOutside = 0.9
	// burstSlots is the part of the own slots that is given up around a burst. A 429 does not show the size
	// of the burst.
	burstSlots = 0.53

	// Times, in windows.
	fastHalf = 3
	slowHalf = 12
	// holdTime is the time for which a level holds. It doubles with each confirmation. A level that was
	// confirmed once holds for againTime, because the load may be hourly.
	holdTime  = 72
	againTime = 36
	mostHold  = 288
	hour      = 12
	// earlier and later are the times before and after a burst in which slots are given up. They return
	// during returning.
	earlier, later, returning = 0.95, 0.6, 0.5
	// near is the maximum distance from the hour of a 429 of an hourly load.
	near      = 1.2
	burstLife = 120
)

// level estimates the number of other calls in a window: an amount that is constant until hold and then
// decays by half in each half.
type level struct {
	amount     float64
	hold, half int64
}

func (l level) at(now int64) float64 {
	if l.amount == 0 || now <= l.hold {
		return l.amount
	}
	left := l.amount * math.Exp2(-float64(now-l.hold)/float64(l.half))
	if left < 0.5 {
		return 0
	}
	return left
}

// burst is a load that comes once an hour.
type burst struct {
	// at is the time of the last observation, and calls the number of slots given up.
	at    int64
	calls float64
}

// outside is the estimate of calls by other programs.
type outside struct {
	own, window int64
	// steady is the present level, and before the level before the last 429.
	steady, before level
	// seen is how often a level was seen.
	seen   int
	bursts []burst
	// last is the time of the last 429, and ended the end of its block. 0: none.
	last, ended int64
}

func (o *outside) windows(n float64) int64 { return int64(n * float64(o.window)) }

// at returns the number of slots to give up.
func (o *outside) at(now int64) float64 {
	most := o.steady.at(now)
	for _, b := range o.bursts {
		d := float64(o.phase(now-b.at)) / float64(o.window)
		if now-b.at < o.windows(burstLife) && d >= -earlier {
			most = max(most, b.calls*min(1, 1-(d-later)/returning))
		}
	}
	return most
}

// phase is how far a time is from the nearest whole number of hours.
func (o *outside) phase(d int64) int64 {
	full := o.windows(hour)
	d %= full
	if d > full/2 {
		d -= full
	}
	return d
}

// refused evaluates a 429 at the time now that blocks until another time. held is the number of spent slots,
// and since the number of their calls made after the last block.
//
// In the first window after a block, Cloudflare has counted nothing from before the block, with either way of
// counting. The time in which other programs made their calls is then known. A later 429 gives only a lower
// bound. A 429 right after a block is due to the block alone.
func (o *outside) refused(now, until int64, held, since int) {
	calls, exact := float64(o.own)-float64(held), false
	if passed := now - o.ended; o.ended > 0 && passed <= o.window {
		calls = (float64(o.own) - float64(since)) * float64(o.window) / float64(max(1, passed))
		exact = passed >= o.window/10
	}
	last, ended := o.last, o.ended
	o.last, o.ended = now, until
	switch {
	case ended > 0 && now-ended < o.window/10:
	case last > 0 && o.hourly(now-last):
		o.recurs(now)
	default:
		o.learn(now, until, max(1, calls), exact)
	}
}

// hourly returns whether two 429s with a gap between them tell of a load that comes
// once an hour. After a steady load was seen more than once, only 429s in two hours
// in a row do.
func (o *outside) hourly(gap int64) bool {
	d := o.phase(gap)
	if gap < o.windows(hour-near) || max(d, -d) > o.windows(near) {
		return false
	}
	return o.seen < 2 || gap < o.windows(hour+near)
}

// recurs records a load an hour after an earlier load. The level learned from the earlier load is dropped,
// unless it may be a steady load.
func (o *outside) recurs(now int64) {
	if o.seen > 1 || o.steady.amount > memorable*float64(o.own) {
		o.steady = o.before
	}
	for i, b := range o.bursts {
		if d := o.phase(now - b.at); max(d, -d) <= 2*o.windows(near) {
			o.bursts[i] = burst{at: now, calls: mostOutside * float64(o.own)}
			return
		}
	}
	if len(o.bursts) >= hour/2 {
		o.bursts = o.bursts[1:]
	}
	o.bursts = append(o.bursts, burst{at: now, calls: burstSlots * float64(o.own)})
}

// learn records a load of others. exact says that calls is the number of calls, not a
// lower bound.
func (o *outside) learn(now, until int64, calls float64, exact bool) {
	own, known := float64(o.own), o.steady.at(now)
	chance := math.Sqrt(calls)
	passing := o.seen == 0 && calls > memorable*own
	switch {
	case passing:
		// The slots are given up for such a short time that deviations do not matter.
	case exact:
		calls += deviations * chance
	case known > 0 && now <= o.steady.hold:
		// The slots given up were almost enough.
		calls = max(calls, known) + chance + unsure*own/4
	default:
		// The slots given up a window ago were enough.
		calls = max(calls+deviations*chance+unsure*own, o.steady.at(now-o.window))
	}
	calls = min(max(calls, known), mostOutside*own)
	o.before = o.steady
	hold := min(o.windows(holdTime)<<o.seen, o.windows(mostHold))
	o.steady = level{amount: calls, hold: now + hold, half: o.windows(slowHalf)}
	switch {
	case passing:
		o.steady.hold, o.steady.half = until, o.windows(fastHalf)
	case o.seen == 1:
		o.steady.hold = now + o.windows(againTime)
	}
	o.seen = min(o.seen+1, 4)
}
