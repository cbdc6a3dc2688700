package main

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// steps has the steps at which the server can kill itself.
var steps = []string{"intent", "intended", "sent", "executed", "outcome", "recorded"}

// chaosEnd is the event after the answers to all callers.
type chaosEnd int

const (
	// endThere is nothing more.
	endThere chaosEnd = iota
	// endReplay asks for every change again.
	endReplay
	// endKillAndReplay kills the server before that.
	endKillAndReplay
)

// chaosPlan is the plan of a cycle, before the names of objects are known.
type chaosPlan struct {
	number int
	wants  []want
	// prepared says that the required objects are created through the server,
	// and not directly at Cloudflare.
	prepared bool
	// step and occurrence select the point at which the server kills itself; "" is none.
	step       string
	occurrence int
	// outside is the time of the kill from outside, 0 for never.
	outside time.Duration
	// again is the step at which the next process kills itself.
	again string
	// doom is the time after which the next start is killed, 0 for never.
	doom time.Duration
	// troubles is how many reads fail.
	troubles int
	end      chaosEnd
}

// want is a change of a plan.
type want struct {
	kind  chaosKind
	door  chaosDoor
	cut   chaosCut
	twins bool
	// rival says that the change wants the name of the previous change.
	rival bool
}

// planner makes plans from a seed.
type planner struct {
	seed uint64
	// covering says that the first cycles have every kind of change at every
	// step and with every cut.
	covering bool
}

// covers returns the number of cycles for full coverage: a cycle has one kill and many cuts.
func covers() int { return len(steps)*len(kinds) + len(cuts) + 2 }

// plan returns the plan of a cycle. It only depends on seed and number.
func (p planner) plan(number int) *chaosPlan {
	r := rand.New(rand.NewPCG(p.seed, uint64(number)))
	plan := &chaosPlan{number: number, prepared: r.IntN(2) == 0, end: pick(r, []chaosEnd{endThere, endThere, endReplay, endKillAndReplay})}
	kills := len(steps) * len(kinds)
	switch {
	case p.covering && number < kills:
		plan.step, plan.occurrence = steps[number%len(steps)], 1
		plan.wants = []want{{kind: kinds[number/len(steps)], door: pick(r, doors)}}
	case p.covering && number < kills+len(cuts):
		for _, kind := range kinds {
			plan.wants = append(plan.wants, want{kind: kind, door: pick(r, doors), cut: cuts[number-kills]})
		}
	case p.covering && number < covers():
		stall := []chaosCut{stallBefore, stallAfter}[number-kills-len(cuts)]
		plan.wants = []want{{kind: pick(r, kinds), door: pick(r, doors), cut: stall}}
	default:
		plan.random(r)
	}
	return plan
}

// random fills in the parts that coverage leaves open.
func (p *chaosPlan) random(r *rand.Rand) {
	for range 1 + r.IntN(4) {
		p.add(r)
	}
	switch n := r.IntN(10); {
	case n < 6:
		p.step, p.occurrence = pick(r, steps), 1+r.IntN(len(p.wants))
	case n < 7:
		p.wants[0].cut = pick(r, []chaosCut{stallBefore, stallAfter})
	case n < 8:
		p.outside = time.Duration(1 + r.IntN(int(longestWait)))
	}
	if r.IntN(6) == 0 {
		p.again = pick(r, steps)
	}
	if r.IntN(6) == 0 {
		p.doom = time.Duration(1 + r.IntN(int(longestStart)))
	}
	if r.IntN(6) == 0 {
		p.troubles = 1 + r.IntN(2)
	}
}

// add adds a change, or two rivals.
func (p *chaosPlan) add(r *rand.Rand) {
	w := want{kind: pick(r, kinds), door: pick(r, doors)}
	if r.IntN(5) == 0 {
		w.kind = pick(r, []chaosKind{kindTaken, kindMissing, kindRival})
	}
	if r.IntN(10) < 4 {
		w.cut = pick(r, cuts)
	}
	w.twins = w.door != doorSDK && r.IntN(4) == 0
	p.wants = append(p.wants, w)
	if w.kind == kindRival {
		p.wants = append(p.wants, want{kind: kindRival, door: pick(r, doors), rival: true})
	}
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// staged is a plan with its changes.
type staged struct {
	chaosPlan

	changes []*chaosChange
	// needs are the secrets that must be there, by change.
	needs [][]chaosObject
}

// longestWait is how long a kill from outside waits at the most: about as long
// as a change takes.
const longestWait = 30 * time.Millisecond

// longestStart limits the time until a start is killed: about the duration of a
// start on an idle machine.
const longestStart = 120 * time.Millisecond

// strike describes the plan's fault of the server.
func (p *chaosPlan) strike() string {
	text := ""
	if p.step != "" {
		text = fmt.Sprintf(", killed at the %q number %d", p.step, p.occurrence)
	}
	if p.end == endKillAndReplay {
		text += ", killed before all is asked for again"
	}
	return text
}

// batchSize is how many secrets changes of several have.
const batchSize = 3

// stage returns the changes names and values.
func (p *chaosPlan) stage(values *canaries) staged {
	s := staged{chaosPlan: *p}
	for i, w := range p.wants {
		name := func(n int) string { return fmt.Sprintf("c%05d-%03d-%d", p.number, i, n) }
		c := &chaosChange{kind: w.kind, door: w.door, cut: w.cut, twins: w.twins, key: "key-" + name(0)}
		size := 1
		if w.kind == kindBatch || w.kind == kindBulk {
			size = batchSize
		}
		if w.rival {
			name = func(int) string { return s.changes[i-1].names[0] }
		}
		for n := range size {
			c.names, c.values = append(c.names, name(n)), append(c.values, values.next())
		}
		s.changes, s.needs = append(s.changes, c), append(s.needs, c.needs(values))
	}
	return s
}

// needs returns the secrets that must exist before a change, and sets them as
// the objects of the change.
func (c *chaosChange) needs(values *canaries) []chaosObject {
	var list []chaosObject
	switch c.kind {
	case kindStore:
		c.store, c.names, c.values = c.names[0], nil, nil
	case kindNoStore, kindGone, kindBulk:
		for i, name := range c.names {
			list = append(list, chaosObject{name: name, value: c.values[i]})
		}
		c.values = nil
	case kindValue, kindTaken:
		list = append(list, chaosObject{name: c.names[0], value: values.next()})
	case kindCopy:
		list = append(list, chaosObject{name: c.names[0] + "-source", value: c.values[0]})
	case kindMissing:
		c.ids = []string{fmt.Sprintf("%032x", []byte(c.names[0]))[:32]}
	}
	return list
}
