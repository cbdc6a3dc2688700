package main

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// chaosTally counts the events of all worlds.
type chaosTally struct {
	mu                              sync.Mutex
	cycles, changes, tries, replays int
	births                          int
	duplicates, lost, open, wrong   int
	records, unknown                uint64
	kills, cuts                     map[string]int
	// pairs are the kinds of change that were alone when the server was killed
	// at a step, or had their answer cut.
	pairs map[string]bool

	longestBirth, longestOpen, longestCycle time.Duration
}

func newChaosTally() *chaosTally {
	return &chaosTally{kills: map[string]int{}, cuts: map[string]int{}, pairs: map[string]bool{}}
}

func (y *chaosTally) born(took time.Duration) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.births++
	y.longestBirth = max(y.longestBirth, took)
}

func (y *chaosTally) closed(took time.Duration) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.longestOpen = max(y.longestOpen, took)
}

// killed counts a kill. p is the plan of the cycle.
func (y *chaosTally) killed(how string, p *staged) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.kills[how]++
	if p != nil && len(p.changes) == 1 {
		y.pairs[how+" + "+string(p.changes[0].kind)] = true
	}
}

// ended counts a cycle.
func (y *chaosTally) ended(h *chaosHistory, struck []pending, took time.Duration) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.cycles++
	y.changes += len(h.lives)
	for _, l := range h.lives {
		for _, a := range l.answers {
			y.tries += a.tries
		}
		y.replays += len(l.replays)
	}
	for _, s := range struck {
		y.cuts[string(s.cut)]++
		y.pairs[string(s.cut)+" + "+string(s.kind)] = true
	}
	y.longestCycle = max(y.longestCycle, took)
}

// unended counts the changes without a recorded outcome.
func (y *chaosTally) unended(r audit.Report) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.records += r.Records
	y.unknown += r.Open
}

// blame counts the findings.
func (y *chaosTally) blame(f *chaosFindings) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.duplicates += f.duplicates
	y.lost += f.lost
	y.open += f.open
	y.wrong += f.wrong
}

// String is the report of a run.
func (y *chaosTally) String() string {
	y.mu.Lock()
	defer y.mu.Unlock()
	return fmt.Sprintf("cycles %d, changes %d, tries %d, replays %d, starts %d\nkills: %s\ncuts: %s\n"+
		"duplicates %d, lost %d, wrong %d, open %d\ntrail: %d records, %d intents without an outcome\nlongest start %s, longest until no intent was open %s, longest cycle %s",
		y.cycles, y.changes, y.tries, y.replays, y.births, inOrder(y.kills), inOrder(y.cuts),
		y.duplicates, y.lost, y.wrong, y.open, y.records, y.unknown,
		y.longestBirth.Round(time.Millisecond), y.longestOpen.Round(time.Millisecond), y.longestCycle.Round(time.Millisecond))
}

func inOrder(counts map[string]int) string {
	total, list := 0, ""
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		total += counts[name]
		list += fmt.Sprintf(", %s %d", name, counts[name])
	}
	return fmt.Sprintf("%d%s", total, list)
}

// covered fails the test if a kind of change had no kill at a step, or no cut.
func (y *chaosTally) covered(t *testing.T) {
	t.Helper()
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, kind := range kinds {
		for _, step := range steps {
			if !y.pairs[step+" + "+string(kind)] {
				t.Errorf("the server was never killed at %q of %s", step, kind)
			}
		}
		for _, cut := range cuts {
			if !y.pairs[string(cut)+" + "+string(kind)] {
				t.Errorf("%s never met: %s", kind, cut)
			}
		}
	}
}
