package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestTheHeapIsFilledWithinLimits(t *testing.T) {
	for _, c := range []struct {
		name string
		kept uint64
		want int
	}{
		{"nothing is known yet", 0, maxPercent},
		{"a small heap may grow ninefold", 1 << 20, maxPercent},
		{"a heap of half of it may double", heapTarget / 2, 100},
		{"a smaller one grows by more", heapTarget / 5, 400},
		{"a larger one grows by its part", heapTarget * 2 / 3, minPercent},
		{"so does one that is beyond", 2 * heapTarget, minPercent},
		{"and a large one", 1 << 40, minPercent},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := gcPercent(c.kept); got != c.want {
				t.Errorf("got %d %%, want %d", got, c.want)
			}
		})
	}
}

// percent returns the GC percentage in force.
func percent() int {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}

// awaitPercent collects until a percentage is in force that will do.
func awaitPercent(t *testing.T, will func(int) bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !will(percent()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still %d %%", percent())
		}
		runtime.GC()
	}
}

func TestThePaceFollowsTheHeap(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(137)
	defer debug.SetGCPercent(before)
	p := startGCTuner()
	defer p.end()
	if percent() != startPercent {
		t.Errorf("%d %% during the start", percent())
	}
	p.tune()
	if percent() != 137 {
		t.Errorf("%d %% before the first collection", percent())
	}
	much := make([]byte, 2*heapTarget)
	awaitPercent(t, func(now int) bool { return now == minPercent })
	runtime.KeepAlive(much)
	awaitPercent(t, func(now int) bool { return now > minPercent && now != 137 })
	p.end()
	if percent() != 137 {
		t.Errorf("%d %% after the end", percent())
	}
}

func TestAnOperatorHasTheSayAboutCollecting(t *testing.T) {
	t.Setenv("GOGC", "100")
	now := percent()
	p := startGCTuner()
	p.tune()
	p.end()
	if percent() != now || os.Getenv("GOGC") != "100" {
		t.Errorf("%d %%, where there were %d", percent(), now)
	}
}
