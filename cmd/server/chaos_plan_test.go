package main

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// steps are those at which the server can be made to kill itself.
var steps = []string{"intent", "intended", "sent", "executed", "outcome", "recorded"}

// chaosEnd is what follows once every caller has an answer.
type chaosEnd int

const (
	// endThere is nothing more.
	endThere chaosEnd = iota
	// endReplay asks for every change again.
	endReplay
	// endKillAndReplay kills the server before that.
	endKillAndReplay
)

// chaosPlan is one cycle, before it is known what the objects are called.
type chaosPlan struct {
	number int
	wants  []want
	// prepared says that what must be there is made by the server, which then
	// knows it, and not behind its back.
	prepared bool
	// step and occurrence are where the server kills itself; "" nowhere.
	step       string
	occurrence int
	// outside is after which time it is killed from outside, 0 for never.
	outside time.Duration
	// again is where its next life does.
	again string
	// doom is after which time its next start is cut short, 0 for never.
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
	// rival says that it wants the name of the one before.
	rival bool
}

// planner makes plans from a seed.
type planner struct {
	seed uint64
	// covering says that the first cycles have every kind of change at every
	// step and with every cut.
	covering bool
}

// covers is how many cycles that takes: a cycle has one kill and many cuts.
func covers() int { return len(steps)*len(kinds) + len(cuts) + 2 }

// plan makes the plan of one cycle. It depends on nothing but seed and number.
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

// random fills in what no cover asks for.
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

// add adds one change, or two rivals.
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

// longestStart is how long a start that is cut short lasts at the most: about as
// long as one takes on an idle machine.
const longestStart = 120 * time.Millisecond

// strike says what a plan does to the server.
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

// needs are the secrets that must be there before a change. It makes the change
// one of nothing but them.
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
