package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"
)

// counter counts what Cloudflare sees and refuses.
type counter struct {
	next           http.Handler
	calls, refused atomic.Int64
}

// ServeHTTP passes a request on.
func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.calls.Add(1)
	c.next.ServeHTTP(&watched{ResponseWriter: w, refused: &c.refused}, r)
}

func (c *counter) counts() (calls, refused int) {
	return int(c.calls.Load()), int(c.refused.Load())
}

// watched notices a status.
type watched struct {
	http.ResponseWriter

	refused *atomic.Int64
}

// WriteHeader passes a status on.
func (w *watched) WriteHeader(status int) {
	if status == http.StatusTooManyRequests {
		w.refused.Add(1)
	}
	w.ResponseWriter.WriteHeader(status)
}

// report writes the medians, and each rate as a ratio to the first contender's.
func report(to io.Writer, contenders []contender, results [][]result) error {
	var lines strings.Builder
	fmt.Fprintln(&lines, "\tsecrets/s\tratio\tfailed\tp50\tp99\tcalls\t429s")
	base := median(results[0], func(r result) float64 { return r.rate })
	for i, c := range contenders {
		of := func(pick func(result) float64) float64 { return median(results[i], pick) }
		rate := of(func(r result) float64 { return r.rate })
		fmt.Fprintf(&lines, "%s\t%.0f\t%.1f\t%.0f %%\t%s\t%s\t%.0f\t%.0f\n", c.name, rate, rate/max(base, 1),
			of(func(r result) float64 { return 100 * float64(r.failed) / float64(max(1, r.failed+r.secrets)) }),
			wait(of(func(r result) float64 { return quantile(r.waits, 0.5) })), wait(of(func(r result) float64 { return quantile(r.waits, 0.99) })),
			of(func(r result) float64 { return float64(r.calls) }), of(func(r result) float64 { return float64(r.refused) }))
	}
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	if _, err := io.WriteString(table, lines.String()); err != nil {
		return err
	}
	return table.Flush()
}

func wait(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(time.Millisecond).String()
}

func median(of []result, pick func(result) float64) float64 {
	values := make([]float64, len(of))
	for i, r := range of {
		values[i] = pick(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// quantile gives a quantile in seconds.
func quantile(of []time.Duration, q float64) float64 {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))].Seconds()
}
