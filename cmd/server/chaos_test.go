package main

import (
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// chaosCycles asks for a long run of this many cycles.
	chaosCycles = "STOREKEEPER_CHAOS_CYCLES"
	// chaosSeed repeats the plans of a run.
	chaosSeed = "STOREKEEPER_CHAOS_SEED"
	// chaosWorlds says how many servers are killed at the same time.
	chaosWorlds = "STOREKEEPER_CHAOS_WORLDS"
	// chaosOnly runs only the cycle with this number.
	chaosOnly = "STOREKEEPER_CHAOS_ONLY"

	// worldsByCore is how many worlds there are for each core.
	worldsByCore = 4
	// extras are the cycles of chance in a short run.
	extras = 8
	// inspections is after how many cycles the files are looked at.
	inspections = 25
)

// TestChangesHappenOnceWhateverIsKilledOrCut kills the server at each step of
// each change, and cuts its answers.
func TestChangesHappenOnceWhateverIsKilledOrCut(t *testing.T) {
	t.Parallel()
	plans := planner{seed: number(t, chaosSeed, rand.Uint64()), covering: true}
	cycles := int64(number(t, chaosCycles, uint64(covers()+extras)))
	worlds := int(number(t, chaosWorlds, uint64(worldsByCore*runtime.GOMAXPROCS(0))))
	tally := newChaosTally()
	began := time.Now()
	var next atomic.Int64
	if only := number(t, chaosOnly, 0); os.Getenv(chaosOnly) != "" {
		worlds, cycles = 1, int64(only)+1
		next.Store(int64(only))
	}
	// Not t.Parallel, which runs one test per core: these tests mostly wait.
	var all sync.WaitGroup
	for i := range worlds {
		all.Go(func() {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				w := newChaosWorld(t, tally)
				for n := next.Add(1) - 1; n < cycles; n = next.Add(1) - 1 {
					w.cycle(plans.plan(int(n)))
				}
				w.end()
			})
		})
	}
	all.Wait()
	t.Logf("%s=%d (%s=N repeats one cycle), %d worlds, %s\n%s", chaosSeed, plans.seed, chaosOnly, worlds, time.Since(began).Round(time.Second), tally)
	if os.Getenv(chaosOnly) == "" && cycles >= int64(covers()) {
		tally.covered(t)
	}
}

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s must be a whole number: %v", name, err)
	}
	return n
}

func readText(r io.Reader) string {
	text, _ := io.ReadAll(r) // what is missing is not found
	return string(text)
}
