// Command bench compares Storekeeper with alternatives, in one run and against
// the same emulated Cloudflare, and writes figures, ratios and plots. With
// -profile it writes profiles of the hot paths instead.
//
// It must not know how Storekeeper works: it starts the real program and calls
// the public interfaces.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"platform.internal/storekeeper/test/bench/suite"
)

func main() {
	p := full()
	var cases string
	var kept int
	flag.IntVar(&p.suite.Rounds, "rounds", p.suite.Rounds, "how often each contender runs; medians are printed")
	flag.DurationVar(&p.suite.Length, "length", p.suite.Length, "how long a run is")
	flag.IntVar(&p.suite.Tail, "tail", p.suite.Tail, "how many calls stand behind a p99 at least; a run lasts until there are so many")
	flag.IntVar(&p.suite.Limit, "limit", p.suite.Limit, "how many calls end a run early, since the emulator takes longer the more there is in it")
	flag.DurationVar(&p.suite.CrowdLength, "budget-length", p.suite.CrowdLength, "how long callers create secrets under the budget, whose window is 10s")
	flag.DurationVar(&p.suite.Steady, "steady-length", p.suite.Steady, "how long a run at a fixed rate under the budget is")
	flag.IntVar(&kept, "kept", 400_000, "the most kept answers that creates are measured with; creates are also measured with half, and starts with seven eighths of it")
	flag.StringVar(&cases, "cases", strings.Join(p.cases, ","), "what is measured, with commas; empty only writes what -keep has")
	flag.BoolVar(&p.keep, "keep", false, "keep the figures of other cases from the run before")
	flag.StringVar(&p.figures, "figures", "../../build/bench.json", "the `file` that keeps all figures")
	flag.StringVar(&p.out, "out", "../../docs", "the `folder` that performance.md and the plots are written to; empty writes none")
	flag.StringVar(&p.caddy, "caddy", "", "the `file` of a Caddy; without it, one on the PATH")
	flag.StringVar(&p.server, "server", "", "the `file` of a Storekeeper, to measure another version that reads the same configuration; without it, the one of this tree is built")
	flag.StringVar(&p.profiles, "profile", "", "only profile the hot paths, into this `folder`")
	flag.Parse()
	p.suite = p.suite.WithKept(kept)
	p.cases = strings.FieldsFunc(cases, func(r rune) bool { return r == ',' })
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := p.run(ctx, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// full is the whole measurement, which takes about an hour on two processors.
func full() plan {
	p := plan{rules: 1000, notes: "notes.md", suite: suite.Options{
		Rounds: 5, Length: 1500 * time.Millisecond, Limit: 6000, Tail: 2000, Connections: []int{1, 32, 256}, Many: 10_000, Starts: 11,
		Crowd: []int{64, 256}, CrowdLength: 20 * time.Second, Steady: 10 * time.Second, Rates: []float64{200, 1000},
		Traced: 200,
	}}
	for _, c := range suite.Cases() {
		p.cases = append(p.cases, c.Name)
	}
	return p
}
