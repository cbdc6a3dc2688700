// Command bench measures Storekeeper beside what people would use instead, in
// one run and against the same emulated Cloudflare, and prints ratios.
//
// It must not know how Storekeeper works: it starts the real program and calls
// it with Cloudflare's own SDK.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

// plan is what is measured.
type plan struct {
	callers, rounds int
	length          time.Duration
	rate            int
	latency         time.Duration
}

func main() {
	p := plan{}
	flag.IntVar(&p.callers, "callers", 64, "how many callers create single secrets at the same time")
	flag.IntVar(&p.rounds, "rounds", 5, "how often each contender runs; medians are printed")
	flag.DurationVar(&p.length, "length", 12*time.Second, "how long each run is")
	flag.IntVar(&p.rate, "rate", 40, "calls a second that Cloudflare's budget allows, counted over 10 s")
	flag.DurationVar(&p.latency, "latency", 20*time.Millisecond, "how long Cloudflare takes to answer")
	flag.Parse()
	if err := p.run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run lets the contenders take turns, so that what else the machine does meets
// all of them, and writes how they did.
func (p plan) run(ctx context.Context, to io.Writer) error {
	folder, err := os.MkdirTemp("", "storekeeper-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	program, err := build(ctx, folder)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(to, "%s, %d processors, %s/%s, %s\n"+
		"%d callers create single secrets for %s; Cloudflare takes %d calls in %s and answers after %s; medians of %d runs\n\n",
		runtime.Version(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, time.Now().UTC().Format(time.DateOnly),
		p.callers, p.length, p.rate*windowSeconds, window, p.latency, p.rounds)
	if err != nil {
		return err
	}
	contenders := []contender{
		{name: "cloudflare-go 7, two retries", retries: 2},
		{name: "cloudflare-go 7, retries for ever", retries: 1 << 20},
		{name: "cloudflare-go 7 through Storekeeper", retries: 2, through: true},
	}
	results := make([][]result, len(contenders))
	for range p.rounds {
		for i, c := range contenders {
			r, err := p.try(ctx, program, folder, c)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			results[i] = append(results[i], r)
		}
	}
	return report(to, contenders, results)
}
