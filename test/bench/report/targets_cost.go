package report

import (
	"fmt"

	"platform.internal/storekeeper/test/bench/figure"
	"platform.internal/storekeeper/test/bench/stage"
	"platform.internal/storekeeper/test/bench/suite"
)

// costTargets returns the targets for the cost of a call.
func (r reader) costTargets() []Target {
	a := r.about
	rpc := r.ratio(suite.GRPCCreate(a.middle()), suite.CPU, stage.BareGRPC)
	readCaddy, readNginx := r.worstRead(stage.Standard, stage.Caddy), r.worstRead(stage.Storekeeper, stage.Nginx)
	objects := r.of(suite.RESTCreate(a.middle()), suite.Objects)
	crowded := figure.Ratio(r.of(suite.RESTCreate(a.most()), suite.CPU), r.of(suite.RESTCreate(a.middle()), suite.CPU))
	secret := figure.Ratio(r.book.Median(suite.SingleSecret(a.middle()), stage.Standard, suite.CPU),
		r.book.Median(suite.SingleSecret(a.middle()), stage.Caddy, suite.CPU))
	syncs := r.of(suite.SyncsOf("store", 1), suite.Syncs)
	targets := []Target{r.restTarget(a.middle(), 1.5, 1)}
	if len(a.Connections) > 1 {
		targets = append(targets, r.restTarget(a.Connections[0], 2, 1.2), r.restTarget(a.most(), 1.3, 0.8))
	}
	targets = append(targets, r.tracesTargets()...)
	return append(targets,
		Target{"gRPC create, CPU per request, " + Plural(a.middle(), "connection"), "≤ 1.8 × bare grpc-go + net/http", "≤ 1.3 × it",
			[]Check{upTo(rpc, 1.8, " × bare")}, []Check{upTo(rpc, 1.3, " × bare")}},
		Target{"waits for the disk of a REST create, 1 connection", "≤ 2.0", "≤ 2.0", []Check{upTo(syncs, twoSyncs, "")}, []Check{upTo(syncs, twoSyncs, "")}},
		Target{"allocations of a REST create", "≤ 250", "≤ 150", []Check{upTo(objects, 250, "")}, []Check{upTo(objects, 150, "")}},
		Target{"REST create of one secret, default configuration, CPU per request", "≤ 2.0 × Caddy", "≤ 1.3 ×",
			[]Check{upTo(secret, 2, " × Caddy")}, []Check{upTo(secret, 1.3, " × Caddy")}},
		Target{"REST create, CPU per request, most connections against the middle", "≤ 1.1 ×", "≤ 1.0 ×",
			[]Check{upTo(crowded, flat, " ×")}, []Check{upTo(crowded, 1, " ×")}},
		Target{"REST get or list from the cache, CPU, the worst of three", "≤ 0.55 × Caddy with a line of log for each", "≤ 2 × nginx",
			[]Check{upTo(readCaddy, 0.55, " × Caddy")}, []Check{upTo(readNginx, 2, " × nginx")}},
	)
}

// tracesTargets are about what traces cost. What the places of spans take is measured
// alone too: it is less than two runs of a create differ. Both of creates are the median of
// many pairs of runs.
func (r reader) tracesTargets() []Target {
	whole := r.of(suite.TracesOff, suite.CPU)
	objects := r.of(suite.PlacesOff, suite.Objects)
	off := figure.Ratio(r.of(suite.PlacesOff, suite.CPU), whole)
	places := figure.Ratio(r.of(suite.PlacesOn, suite.CPU), whole)
	on := r.pairs(suite.TracesOn, suite.TracesOff, suite.CPU)
	same := func(what, must string, checks ...Check) Target { return Target{what, must, "the same", checks, checks} }
	return []Target{
		same("traces off, the places of spans of a REST create", "0 allocations, ≤ 0.01 × its CPU", upTo(objects, 0.01, " allocations"), upTo(off, 0.01, " × CPU")),
		same("traces of one call in a hundred, the places of spans", "≤ 0.05 × CPU of a create", upTo(places, noise, " × CPU")),
		same("traces of one call in a hundred, a REST create", "≤ 1.05 × CPU without", upTo(on, 1+noise, " × without")),
	}
}

// twoSyncs is two plus an allowance for occasional background writes.
const twoSyncs = 2.05

func (r reader) restTarget(connections int, must, aim float64) Target {
	x := r.ratio(suite.RESTCreate(connections), suite.CPU, stage.Caddy)
	floor := figure.Ratio(r.book.Median(suite.RESTCreate(connections), stage.Floor, suite.CPU), r.book.Median(suite.RESTCreate(connections), stage.Caddy, suite.CPU))
	return Target{
		"REST create, CPU per request, " + Plural(connections, "connection"),
		fmt.Sprintf("≤ %.1f × Caddy", must), fmt.Sprintf("≤ %.1f × (floor %s)", aim, number(floor)),
		[]Check{upTo(x, must, " × Caddy")}, []Check{upTo(x, aim, " × Caddy")},
	}
}

// latencyTargets are about the time that a create takes longer through
// Storekeeper than through Caddy, in syncs that are paced as the calls.
func (r reader) latencyTargets() []Target {
	var targets []Target
	for i, rate := range r.about.Rates {
		t := Target{What: fmt.Sprintf("added latency, %.0f calls/s open loop, upstream at 20 ms", rate)}
		fifty := r.inSyncs(rate, stage.Storekeeper, suite.Added50)
		t.Must, t.Aim = "p50 ≤ Caddy's + 4 paced syncs", "+ 3"
		t.must, t.aim = []Check{upTo(fifty, 4, " p50")}, []Check{upTo(fifty, 3, " p50")}
		if i == len(r.about.Rates)-1 {
			ninety := r.inSyncs(rate, stage.Storekeeper, suite.Added99)
			t.Must, t.Aim = t.Must+", p99 ≤ Caddy's + 12", "+ 3, + 8"
			t.must, t.aim = append(t.must, upTo(ninety, 12, " p99")), append(t.aim, upTo(ninety, 8, " p99"))
		}
		targets = append(targets, t)
	}
	return targets
}

// keptTarget is about creates with the most kept answers.
func (r reader) keptTarget() Target {
	t := Target{What: "kept answers against none", Must: "≤ 1.1 × CPU, ≤ 1.1 × written", Aim: "flat"}
	cpu, written := figure.None(), figure.None()
	if n := len(r.about.Kept); n > 0 {
		most := r.about.Kept[n-1]
		t.What = fmt.Sprintf("%d kept answers against none", most)
		cpu, written = r.kept(most, suite.CPU), r.kept(most, suite.Written)
	}
	t.must = []Check{upTo(cpu, flat, " × CPU"), upTo(written, flat, " × written")}
	t.aim = []Check{upTo(cpu, 1+noise, " × CPU"), upTo(written, 1+noise, " × written")}
	return t
}
