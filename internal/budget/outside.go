package budget

import "math"

// The calls that others make with the same credential can be seen in refusals
// alone: Cloudflare refused, so it had counted more than this scheduler made.
// What is learned from that is given up of the own slots.
//
// A first refusal may be about a burst that does not come again. So a large level
// is given up for a short time only, in which a load that stays shows itself once
// more. A level that was confirmed holds for hours, since each trial whether it is
// still there costs a block. Where a refusal comes an hour after another, others
// make their calls once an hour, and slots are given up around that time of the
// hour alone.

const (
	// memorable is which part of the slots can be given up for long after one
	// refusal.
	memorable = 0.125
	// deviations is how many standard deviations of a random load are given up
	// beyond what was seen, and unsure which part of the own slots more where a
	// refusal shows only that there are at least so many calls.
	deviations, unsure = 3, 0.025
	// mostOutside is the part of the own slots that can be given up.
	mostOutside = 0.9
	// burstSlots is the part of the own slots that is given up around a burst,
	// whose size a refusal does not show.
	burstSlots = 0.53

	// Times, in windows.
	fastHalf = 3
	slowHalf = 12
	// holdTime is for how long a level holds, twice as long each time that it is
	// seen again, but againTime where it was seen twice: it may last an hour.
	holdTime  = 72
	againTime = 36
	mostHold  = 288
	hour      = 12
	// earlier and later are how long before and after the time of a burst slots
	// are given up, returning how long after that they come back.
	earlier, later, returning = 0.95, 0.6, 0.5
	// near is how far from the hour a refusal may be to tell of an hourly load.
	near      = 1.2
	burstLife = 120
)

// level is how many calls others make in a window, as far as is known: an amount
// that holds for a while and is halved in each half from then on.
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
	// at is when it was seen last, calls how many slots are given up for it.
	at    int64
	calls float64
}

// outside is what was learned of others.
type outside struct {
	own, window int64
	// steady is the level of now, before that of before the last refusal.
	steady, before level
	// seen is how often a level was seen.
	seen   int
	bursts []burst
	// last is when the last refusal came, ended when its block ended. 0 is none.
	last, ended int64
}

func (o *outside) windows(n float64) int64 { return int64(n * float64(o.window)) }

// at is how many slots are to be given up.
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

// refused learns from a refusal that came at a time and blocks until another.
// held is how many slots were spent then, and since how many of their calls were
// made after the last block.
//
// In the first window after a block Cloudflare has counted nothing from before,
// whichever way it counts, so that the time in which others made their calls is
// known. Later a refusal says only that there are at least so many in a window.
// What is refused right after a block tells of the block alone.
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

// hourly says whether two refusals tell of a load that comes once an hour. Where
// a steady load was seen more than once, only those of two hours in a row do.
func (o *outside) hourly(gap int64) bool {
	d := o.phase(gap)
	if gap < o.windows(hour-near) || max(d, -d) > o.windows(near) {
		return false
	}
	return o.seen < 2 || gap < o.windows(hour+near)
}

// recurs takes note of a load that came an hour after another one. What was
// learned of the first is forgotten, unless it may be all that there is steadily.
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

// learn takes note of a load of others. exact says that the calls are as many as
// others make, not only at least as many.
func (o *outside) learn(now, until int64, calls float64, exact bool) {
	own, known := float64(o.own), o.steady.at(now)
	chance := math.Sqrt(calls)
	passing := o.seen == 0 && calls > memorable*own
	switch {
	case passing:
		// It is given up for so short a time that chance does not matter.
	case exact:
		calls += deviations * chance
	case known > 0 && now <= o.steady.hold:
		// What was given up was almost enough.
		calls = max(calls, known) + chance + unsure*own/4
	default:
		// What was given up a window ago was enough.
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
