package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	// startPercent is the GC percentage (GOGC) until the service is ready. Most
	// allocations of a start stay live, so frequent collections would take a
	// fifth of the CPU time of a start.
	startPercent = 400
	// heapTarget is the heap size in bytes at which the collector should run
	// after the start, within minPercent and maxPercent. The cost of a
	// collection grows with the live heap, and their frequency with the
	// allocation rate: with GOGC=100 a small heap is collected all the time. If
	// the live heap is larger than the target, minPercent applies.
	heapTarget = 46 << 20
	minPercent = 75
	maxPercent = 800
	// percentStep is the smallest change of the percentage, since each change
	// stops the world for a moment.
	percentStep = 10
)

// gcTuner sets the GC percentage of the process.
type gcTuner struct {
	mu sync.Mutex
	// original is the percentage before the tuner started, percent the current
	// percentage.
	original, percent int
	ended             bool
}

// startGCTuner sets startPercent. It does nothing and returns nil if the
// operator has set GOGC.
func startGCTuner() *gcTuner {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	return &gcTuner{original: debug.SetGCPercent(startPercent), percent: startPercent}
}

// tune restores the original percentage, and adjusts the percentage after each
// collection from then on.
func (p *gcTuner) tune() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(p.original)
	p.notifyAfterGC()
}

// end restores the original percentage.
func (p *gcTuner) end() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(p.original)
	p.ended = true
}

// set sets the percentage. The caller holds the mutex.
func (p *gcTuner) set(percent int) {
	if percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
}

// notifyAfterGC calls afterGC after the next collection, by a cleanup of an
// unreachable object.
func (p *gcTuner) notifyAfterGC() {
	type garbage struct{ of *gcTuner }
	runtime.AddCleanup(&garbage{p}, (*gcTuner).afterGC, p)
}

// afterGC adjusts the percentage to the live heap.
func (p *gcTuner) afterGC() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.set(gcPercent(liveBytes()))
	p.notifyAfterGC()
}

// liveBytes returns about how many bytes the last collection scanned: the live
// heap and the stacks.
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

// gcPercent returns the percentage at which the heap grows to heapTarget, for a
// live heap of kept bytes.
func gcPercent(kept uint64) int {
	room := max(heapTarget, kept) - kept
	percent := room * 100 / max(kept, 1) / percentStep * percentStep
	return int(min(max(percent, minPercent), maxPercent))
}
