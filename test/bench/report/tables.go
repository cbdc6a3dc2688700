package report

import (
	"fmt"
	"strconv"
	"strings"

	"platform.internal/storekeeper/test/bench/figure"
	"platform.internal/storekeeper/test/bench/stage"
	"platform.internal/storekeeper/test/bench/suite"
)

// TargetTable shows targets and figures.
func TargetTable(b *suite.Book, a About) Table {
	t := Table{
		Title: "What must be, and what is",
		Note:  "Ratios are of medians in one run. Everything of Storekeeper's is on.",
		Head:  []string{"what", "must", "aim", "measured", "must", "aim"},
	}
	for _, target := range Targets(b, a) {
		t.Rows = append(t.Rows, target.row())
	}
	return t
}

// Tables shows all figures, one table for each case.
func Tables(b *suite.Book, a About) []Table {
	r := reader{b, a}
	return []Table{
		r.restTable(), r.rpcTable(), r.secretTable(), r.quotaTable(), r.tracesTable(), r.syncTable(), r.readTable(), r.batchTable(), r.openTable(),
		r.crowdTable(), r.growthTable(), r.keptTable(), r.startTable(), r.idleTable(), r.overloadTable(),
	}
}

// creators are the contenders of REST creates, in the order of tables.
func creators() []string {
	return []string{stage.Direct, stage.Nginx, stage.ReverseProxy, stage.Caddy, stage.Gateway, stage.Floor, stage.Storekeeper}
}

// installed lists the contenders that are measured with their default settings.
func installed() []string {
	return []string{stage.Nginx, stage.ReverseProxy, stage.Caddy, stage.Gateway, stage.Storekeeper}
}

// loops fills a table of closed loops, with ratios to some of the contenders.
func (r reader) loops(t *Table, name func(int) string, contenders, peers []string) {
	t.Head = []string{"connections", "", "CPU µs", "least to most"}
	for _, p := range peers {
		t.Head = append(t.Head, "÷ "+p)
	}
	t.Head = append(t.Head, measures()...)
	for _, n := range r.about.Connections {
		for _, who := range contenders {
			t.Rows = append(t.Rows, r.line(strconv.Itoa(n), name(n), who, peers))
		}
	}
}

// measures has the headings of the columns behind the ratios.
func measures() []string {
	return []string{"allocations", "KiB", "KiB to disk", "requests/s", "p50 ms", "p99 ms", "memory MiB"}
}

// line returns the row of a contender in a closed loop.
func (r reader) line(first, measured, who string, peers []string) []string {
	of := func(what string) float64 { return r.book.Median(measured, who, what) }
	row := []string{first, who, number(of(suite.CPU)), spread(r.book.All(measured, who, suite.CPU))}
	for _, p := range peers {
		row = append(row, number(figure.Ratio(of(suite.CPU), r.book.Median(measured, p, suite.CPU))))
	}
	return append(row, number(of(suite.Objects)), number(of(suite.Bytes)/1024), number(of(suite.Written)), number(of(suite.Rate)), number(of(suite.P50)), number(of(suite.P99)), number(of(suite.Resident)))
}

func (r reader) restTable() Table {
	t := Table{
		Title: "REST create store", Plots: [][2]string{{"rest-create.svg", "CPU per REST create"}, {"latency.svg", "time of a REST create by connections"}},
		Note: "Closed loop. CPU is user and system time of the contender's processes, per request; allocations are Go's own count. " +
			"KiB to disk are what the kernel wrote for them, in whole pages. Memory is what is resident after the run. Only callers of Storekeeper and of the floor " +
			"send a credential and an idempotency key. Peers that are written in Go have the GOGC that Storekeeper gives itself, or Go's default of 100 where that is more" + r.percents() + ".",
	}
	r.loops(&t, suite.RESTCreate, creators(), []string{stage.Nginx, stage.ReverseProxy, stage.Caddy, stage.Gateway, stage.Floor})
	return t
}

// percents are the values of GOGC, by the connections.
func (r reader) percents() string {
	var said []string
	for _, n := range r.about.Connections {
		if x := r.of(suite.RESTCreate(n), suite.GCPercent); figure.Known(x) {
			said = append(said, fmt.Sprintf("%.0f at %s", x, Plural(n, "connection")))
		}
	}
	if len(said) == 0 {
		return ""
	}
	return ": " + strings.Join(said, ", ")
}

func (r reader) rpcTable() Table {
	t := Table{Title: "gRPC create store", Plots: [][2]string{{"grpc-create.svg", "CPU per gRPC create"}}, Note: "The same over gRPC. The bare one calls the upstream by net/http and does nothing else."}
	r.loops(&t, suite.GRPCCreate, []string{stage.BareGRPC, stage.Storekeeper}, []string{stage.BareGRPC})
	return t
}

func (r reader) readTable() Table {
	t := Table{
		Title: "Reads", Plots: [][2]string{{"reads.svg", "CPU per read"}},
		Note: fmt.Sprintf("Closed loop, %s. The list has 20 secrets. Proxies ask the upstream each time; Storekeeper answers from its cache.", Plural(r.about.middle(), "connection")),
		Head: append([]string{"read", "", "CPU µs", "least to most", "÷ nginx", "÷ ReverseProxy", "÷ Caddy"}, measures()...),
	}
	peers := []string{stage.Nginx, stage.ReverseProxy, stage.Caddy}
	for _, read := range []struct{ name, measured string }{{"one store", suite.ReadStore}, {"one secret", suite.ReadSecret}, {"list of secrets", suite.ReadSecrets}} {
		for _, who := range append(peers[:3:3], stage.Storekeeper, stage.Standard) {
			t.Rows = append(t.Rows, r.line(read.name, read.measured, who, peers))
		}
	}
	for _, who := range []string{stage.BareGRPC, stage.Storekeeper} {
		t.Rows = append(t.Rows, r.line("one store over gRPC", suite.ReadStoreRPC, who, peers))
	}
	return t
}

func (r reader) batchTable() Table {
	t := Table{
		Title: "Secrets one by one and by the hundred",
		Note:  "Closed loop, over REST, the budget not limiting. CPU per secret.",
		Head:  []string{"secrets in a call", "CPU µs per secret", "of a single create", "secrets/s", "p50 ms", "p99 ms"},
	}
	single := r.of(suite.SingleSecrets, suite.CPU)
	for _, c := range []struct {
		measured string
		size     float64
	}{{suite.SingleSecrets, 1}, {suite.BatchSecrets, suite.BatchSize}} {
		each := r.of(c.measured, suite.CPU) / c.size
		t.Rows = append(t.Rows, []string{number(c.size), number(each), part(figure.Ratio(each, single)), number(c.size * r.of(c.measured, suite.Rate)), number(r.of(c.measured, suite.P50)), number(r.of(c.measured, suite.P99))})
	}
	return t
}
