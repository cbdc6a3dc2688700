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
	// heapTarget is to how many bytes the heap is filled after that before it is
	// collected, within what the percentages allow. What a collection costs grows
	// with what stays, and how often there is one with what is made: a small heap
	// that may only double would be looked through all the time. The more stays,
	// the less room is left; a heap that is larger than that anyway gets its part
	// all the same, or calls would cost more the more is kept.
	heapTarget = 46 << 20
	minPercent = 75
	maxPercent = 800
	// percentStep is the least difference for which the percentage is changed,
	// since that stops the world for a moment.
	percentStep = 10
)

// gcTuner says how often garbage is collected, for the whole process.
type gcTuner struct {
	mu sync.Mutex
	// original is the percentage at the begin, percent the one in force.
	original, percent int
	ended             bool
}

// startGCTuner begins with the percentage of a start. An operator who sets GOGC has
// the say: nothing happens then, and the pace is nil.
func startGCTuner() *gcTuner {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	return &gcTuner{original: debug.SetGCPercent(startPercent), percent: startPercent}
}

// tune goes on with the percentage of before, until the first collection.
func (p *gcTuner) tune() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(p.original)
	p.notifyAfterGC()
}

// end brings the percentage back that there was before.
func (p *gcTuner) end() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(p.original)
	p.ended = true
}

// set puts a percentage in force. The lock must be held.
func (p *gcTuner) set(percent int) {
	if percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
}

// notifyAfterGC has the next collection tell of itself, by something that it takes
// away.
func (p *gcTuner) notifyAfterGC() {
	type garbage struct{ of *gcTuner }
	runtime.AddCleanup(&garbage{p}, (*gcTuner).afterGC, p)
}

// afterGC follows a collection.
func (p *gcTuner) afterGC() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.set(gcPercent(liveBytes()))
	p.notifyAfterGC()
}

// liveBytes is how many bytes the last collection looked through, about: those on the
// heap that stay, and the stacks.
func liveBytes() uint64 {
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

// gcPercent is the percentage with which the heap is filled, where so much of it
// is kept.
func gcPercent(kept uint64) int {
	room := max(heapTarget, kept) - kept
	percent := room * 100 / max(kept, 1) / percentStep * percentStep
	return int(min(max(percent, minPercent), maxPercent))
}
