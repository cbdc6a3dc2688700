package report

import (
	"strconv"

	"platform.internal/storekeeper/test/bench/figure"
	"platform.internal/storekeeper/test/bench/stage"
	"platform.internal/storekeeper/test/bench/suite"
)

func (r reader) openTable() Table {
	t := Table{
		Title: "Added latency", Plots: [][2]string{{"added.svg", "added latency"}},
		Note: "Open loop, REST create store, the upstream takes 20 ms. Time counts from when a call should have begun. " +
			"Added is the difference to a direct client in the same round. With its files in memory Storekeeper does the same and waits for no disk. " +
			"The unit of the last two columns is a paced sync: what 1 KiB takes until it is on this disk, written over at the rate of the run while nothing else is done (p50).",
		Head: []string{"calls/s", "", "p50 ms", "p99 ms", "added p50 ms", "least to most", "added p99 ms", "least to most", "p50 over Caddy, paced syncs", "p99 over Caddy, paced syncs"},
	}
	for _, rate := range r.about.Rates {
		for _, who := range []string{stage.Direct, stage.Nginx, stage.ReverseProxy, stage.Caddy, stage.Floor, stage.Storekeeper, stage.Diskless, suite.Disk} {
			at := suite.OpenLoop(rate)
			of := func(what string) string { return number(r.book.Median(at, who, what)) }
			t.Rows = append(t.Rows, []string{
				number(rate), who, of(suite.P50), of(suite.P99), of(suite.Added50), spread(r.book.All(at, who, suite.Added50)),
				of(suite.Added99), spread(r.book.All(at, who, suite.Added99)), number(r.inSyncs(rate, who, suite.Added50)), number(r.inSyncs(rate, who, suite.Added99)),
			})
		}
	}
	return t
}

// inSyncs returns the added latency of a contender over Caddy, in syncs at the
// rate of the run.
func (r reader) inSyncs(rate float64, who, added string) float64 {
	at := suite.OpenLoop(rate)
	more := r.book.Median(at, who, added) - r.book.Median(at, stage.Caddy, added)
	return figure.Ratio(more, r.book.Median(at, suite.Disk, suite.P50))
}

func (r reader) secretTable() Table {
	t := Table{
		Title: "REST create of one secret",
		Note: "The same in one store that there is. With its default configuration Storekeeper logs each call and bounds what a tenant may write; " +
			"tokens, rules, quotas, and a budget that does not limit are as everywhere.",
	}
	r.loops(&t, suite.SingleSecret, []string{stage.Nginx, stage.ReverseProxy, stage.Caddy, stage.Floor, stage.Storekeeper, stage.Standard},
		[]string{stage.Nginx, stage.ReverseProxy, stage.Caddy, stage.Floor})
	return t
}

func (r reader) quotaTable() Table {
	t := Table{
		Title: "Quotas", Note: "REST create store, closed loop: each tenant has a limit, or none has.",
		Head: []string{"connections", "CPU µs with", "least to most", "CPU µs without", "least to most", "ratio"},
	}
	for _, n := range r.about.Connections {
		with, without := suite.WithQuotas(n), suite.WithoutQuotas(n)
		t.Rows = append(t.Rows, []string{
			strconv.Itoa(n), number(r.of(with, suite.CPU)), spread(r.book.All(with, stage.Storekeeper, suite.CPU)),
			number(r.of(without, suite.CPU)), spread(r.book.All(without, stage.Storekeeper, suite.CPU)),
			number(figure.Ratio(r.of(with, suite.CPU), r.of(without, suite.CPU))),
		})
	}
	return t
}

func (r reader) tracesTable() Table {
	t := Table{
		Title: "Traces",
		Note: "REST create store, closed loop, without traces and while the spans of one call in a hundred go to a collector, in turn; and the places that make the spans of a create alone, " +
			"with what is sent, in one process.",
		Head: []string{"", "CPU µs of a create", "least to most", "CPU µs of its places", "objects of its places"},
	}
	for _, row := range [][3]string{{"off", suite.TracesOff, suite.PlacesOff}, {"one call in a hundred", suite.TracesOn, suite.PlacesOn}} {
		t.Rows = append(t.Rows, []string{
			row[0], number(r.of(row[1], suite.CPU)), spread(r.book.All(row[1], stage.Storekeeper, suite.CPU)),
			number(r.of(row[2], suite.CPU)), number(r.of(row[2], suite.Objects)),
		})
	}
	return t
}

func (r reader) syncTable() Table {
	t := Table{
		Title: "Waits for the disk",
		Note: "How often a create asks that something be on the disk (fsync, fdatasync and their like), those of the background included. strace counts them in all threads " +
			"of the program while callers create in a closed loop, which makes the program slower.",
		Head: []string{"connections", "", "a store", "a secret"},
	}
	for _, n := range suite.SyncConnections(r.about.Connections) {
		for _, who := range []string{stage.Floor, stage.Storekeeper, stage.Standard} {
			of := func(what string) string { return number(r.book.Median(suite.SyncsOf(what, n), who, suite.Syncs)) }
			t.Rows = append(t.Rows, []string{strconv.Itoa(n), who, of("store"), of("secret")})
		}
	}
	return t
}

func (r reader) keptTable() Table {
	t := Table{
		Title: "Many kept answers",
		Note: "REST create store, " + Plural(r.about.middle(), "connection") + ", with so many answers kept from before and with none, by turns. " +
			"Afterwards the first key of all still gets its first answer.",
		Head: []string{"kept answers", "CPU µs", "least to most", "CPU µs with none", "ratio", "KiB to disk", "KiB to disk with none", "p99 ms", "p99 ms with none", "memory MiB"},
	}
	for _, n := range r.about.Kept {
		with, none := suite.WithKept(n), suite.WithNoneKept(n)
		of := func(measured, what string) string { return number(r.of(measured, what)) }
		t.Rows = append(t.Rows, []string{
			strconv.Itoa(n), of(with, suite.CPU), spread(r.book.All(with, stage.Storekeeper, suite.CPU)), of(none, suite.CPU), number(r.kept(n, suite.CPU)),
			of(with, suite.Written), of(none, suite.Written), of(with, suite.P99), of(none, suite.P99), of(with, suite.Resident),
		})
	}
	return t
}

// kept is how much more a figure of a create is with so many kept answers.
func (r reader) kept(count int, what string) float64 {
	return figure.Ratio(r.of(suite.WithKept(count), what), r.of(suite.WithNoneKept(count), what))
}
