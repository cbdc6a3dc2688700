package report

import (
	"fmt"
	"strconv"

	"platform.internal/storekeeper/test/bench/figure"
	"platform.internal/storekeeper/test/bench/stage"
	"platform.internal/storekeeper/test/bench/suite"
)

func (r reader) crowdTable() Table {
	t := Table{
		Title: "Secrets under Cloudflare's budget", Plots: [][2]string{{"budget.svg", "secrets a second under the budget"}},
		Note: fmt.Sprintf("Cloudflare's limit, scaled: %d calls a second, counted over 10 s; it takes 20 ms to answer. Closed loop, single secrets in one store. "+
			"The load runs on the same processors, so a client in net/http stands beside Cloudflare's own.", suite.BudgetRate),
		Head: []string{"callers", "", "secrets/s", "least to most", "× the budget's calls", "failed", "p50 ms", "p99 ms", "calls to Cloudflare", "refused with 429"},
	}
	for _, callers := range r.about.Crowd {
		for _, who := range []string{suite.TwoRetries, suite.ManyRetries, suite.SDKThrough, suite.HTTPThrough} {
			at := suite.Crowd(callers)
			of := func(what string) float64 { return r.book.Median(at, who, what) }
			if len(r.book.All(at, who, suite.Rate)) == 0 {
				continue
			}
			t.Rows = append(t.Rows, []string{
				strconv.Itoa(callers), who, number(of(suite.Rate)), spread(r.book.All(at, who, suite.Rate)), number(of(suite.Rate) / suite.BudgetRate),
				percent(of(suite.FailedPart)), number(of(suite.P50)), number(of(suite.P99)), number(of(suite.CallsBehind)), number(of(suite.Refused429)),
			})
		}
	}
	return t
}

func (r reader) growthTable() Table {
	t := Table{
		Title: "Growth", Plots: [][2]string{{"growth.svg", "growth of the CPU per call"}},
		Note: "CPU µs per REST call, closed loop, each grown alone while the others are 10. A tenant brings a caller with it. " +
			"Everybody and everything was met once before it counts.",
		Head: []string{"", "create: 10", "create: " + strconv.Itoa(r.about.Many), "ratio", "get: 10", "get: " + strconv.Itoa(r.about.Many), "ratio"},
	}
	for _, what := range suite.Growing() {
		row := []string{what}
		for _, call := range []string{"create", "get"} {
			for _, count := range []int{suite.Few, r.about.Many} {
				row = append(row, number(r.of(suite.Growth(what, count, call), suite.CPU)))
			}
			row = append(row, number(r.growth(what, call)))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (r reader) startTable() Table {
	t := Table{
		Title: "Start, memory and size",
		Note: fmt.Sprintf("Ready is the time from exec to the first good answer, asked for every half millisecond; Storekeeper is asked for its readiness, with "+
			"everything on and nothing kept. The last line is with %d kept answers and %d records in the trail, whose files are in the system's memory. "+
			"Memory is resident after %d connections, and in the last line at once; each collects its garbage as it does for who installs it. "+
			"All Go programs are static and stripped.", r.about.KeptAtStart, r.about.Records, r.about.most()),
		Head: []string{"", "ready ms", "least to most", "÷ Caddy", "memory MiB", "÷ Caddy", "program MiB", "÷ Caddy"},
	}
	after := suite.Memory
	for _, who := range installed() {
		of := func(measured, what string) (x, ratio string) {
			got := r.book.Median(measured, who, what)
			return number(got), number(figure.Ratio(got, r.book.Median(measured, stage.Caddy, what)))
		}
		ready, readyRatio := of(suite.Start, suite.Ready)
		memory, memoryRatio := of(after, suite.Resident)
		size, sizeRatio := of(suite.Start, suite.Size)
		t.Rows = append(t.Rows, []string{who, ready, spread(r.book.All(suite.Start, who, suite.Ready)), readyRatio, memory, memoryRatio, size, sizeRatio})
	}
	ready := r.book.All(suite.StartKept, stage.Storekeeper, suite.Ready)
	t.Rows = append(t.Rows, []string{
		stage.Storekeeper + ", much kept", number(figure.Median(ready)), spread(ready), nothing, number(r.of(suite.StartKept, suite.Resident)), nothing, nothing, nothing,
	})
	return t
}

func (r reader) idleTable() Table {
	t := Table{
		Title: "Merging while the budget is idle",
		Note: "16 callers make one secret a second each, at moments of their own; the upstream takes 20 ms. In a store each there is nothing that could be merged, " +
			"so what one store takes longer is what merging costs.",
		Head: []string{"", "p50 ms", "p99 ms", "longer p50 ms", "least to most", "longer p99 ms", "least to most"},
	}
	for _, c := range []struct{ name, measured string }{{"a store each", suite.IdleApart}, {"one store", suite.IdleTogether}} {
		row := []string{c.name, number(r.of(c.measured, suite.P50)), number(r.of(c.measured, suite.P99))}
		for _, what := range []string{suite.Added50, suite.Added99} {
			row = append(row, number(r.of(c.measured, what)), spread(r.book.All(c.measured, stage.Storekeeper, what)))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (r reader) overloadTable() Table {
	t := Table{
		Title: "Ten times what can be carried",
		Note: fmt.Sprintf("Stores are made, which are never merged. The budget is %d calls a second, counted over 10 s, and a call waits a second at most. Peak is a closed loop of callers "+
			"that fit; then ten times that, in an open loop. By processors: %s against ten times as many, the budget not limiting.", suite.BudgetRate, Plural(r.about.middle(), "connection")),
		Head: []string{"", "done/s", "of the peak", "p50 ms", "p99 ms", "refusal p50 ms", "refusal p99 ms", "with Retry-After"},
	}
	for _, c := range []struct{ name, measured, rate string }{
		{"budget, peak", suite.OverPeak, suite.Goodput}, {"budget, REST", suite.OverBudget, suite.Goodput}, {"budget, gRPC", suite.OverRPC, suite.Goodput},
		{"processors, peak", suite.OverCPUPeak, suite.Rate}, {"processors", suite.OverCPU, suite.Rate},
	} {
		of := func(what string) float64 { return r.of(c.measured, what) }
		t.Rows = append(t.Rows, []string{
			c.name, number(of(c.rate)), percent(of(suite.Share)), number(of(suite.P50)), number(of(suite.P99)),
			number(of(suite.Refused50)), number(of(suite.Refused99)), percent(of(suite.Hinted)),
		})
	}
	return t
}
