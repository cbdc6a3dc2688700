package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	// startPercent is how much the heap may grow between two collections until
	// the service is ready, in percent of what the one before left: most of what
	// a start makes stays, so that looking through it again and again would be a
	// fifth of its work.
	startPercent = 400
	// filled is to how many bytes the heap is filled after that before it is
	// collected, within what the percentages allow. What a collection costs grows
	// with what stays, and how often there is one with what is made: a small heap
	// that may only double would be looked through all the time. The more stays,
	// the less room is left; a heap that is larger than that anyway gets its part
	// all the same, or calls would cost more the more is kept.
	filled       = 46 << 20
	leastPercent = 75
	mostPercent  = 800
	// percentStep is the least difference for which the percentage is changed,
	// since that stops the world for a moment.
	percentStep = 10
)

// pace says how often garbage is collected, for the whole process.
type pace struct {
	mu sync.Mutex
	// before is the percentage at the begin, percent the one in force.
	before, percent int
	ended           bool
}

// startPace begins with the percentage of a start. An operator who sets GOGC has
// the say: nothing happens then, and the pace is nil.
func startPace() *pace {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	return &pace{before: debug.SetGCPercent(startPercent), percent: startPercent}
}

// settle goes on with the percentage of before, until the first collection.
func (p *pace) settle() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(p.before)
	p.follow()
}

// end brings the percentage back that there was before.
func (p *pace) end() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(p.before)
	p.ended = true
}

// set puts a percentage in force. The lock must be held.
func (p *pace) set(percent int) {
	if percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
}

// follow has the next collection tell of itself, by something that it takes
// away.
func (p *pace) follow() {
	type garbage struct{ of *pace }
	runtime.AddCleanup(&garbage{p}, (*pace).collected, p)
}

// collected follows a collection.
func (p *pace) collected() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.set(percentOf(kept()))
	p.follow()
}

// kept is how many bytes the last collection looked through, about: those on the
// heap that stay, and the stacks.
func kept() uint64 {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	sum := uint64(0)
	for _, s := range samples {
		if s.Value.Kind() == metrics.KindUint64 {
			sum += s.Value.Uint64()
		}
	}
	return sum
}

// percentOf is the percentage with which the heap is filled, where so much of it
// is kept.
func percentOf(kept uint64) int {
	room := max(filled, kept) - kept
	percent := room * 100 / max(kept, 1) / percentStep * percentStep
	return int(min(max(percent, leastPercent), mostPercent))
}
