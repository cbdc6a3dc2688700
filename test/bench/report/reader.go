package report

import (
	"platform.internal/storekeeper/test/bench/figure"
	"platform.internal/storekeeper/test/bench/stage"
	"platform.internal/storekeeper/test/bench/suite"
)

// reader takes figures out of a book.
type reader struct {
	book  *suite.Book
	about About
}

// of is a figure of Storekeeper's.
func (r reader) of(measured, what string) float64 {
	return r.book.Median(measured, stage.Storekeeper, what)
}

// ratio is a figure of Storekeeper's over that of a peer.
func (r reader) ratio(measured, what, peer string) float64 {
	return figure.Ratio(r.of(measured, what), r.book.Median(measured, peer, what))
}

// pairs is the median of the ratios of two measurements that were made in turn: what
// disturbs a while disturbs both of a pair.
func (r reader) pairs(with, without, what string) float64 {
	a, b := r.book.All(with, stage.Storekeeper, what), r.book.All(without, stage.Storekeeper, what)
	var ratios []float64
	for i := range min(len(a), len(b)) {
		ratios = append(ratios, figure.Ratio(a[i], b[i]))
	}
	return figure.Median(ratios)
}

// greatest is the greatest of several, and none where one of them is none.
func greatest(of ...float64) float64 {
	sum := 0.0
	for _, x := range of {
		if !figure.Known(x) {
			return figure.None()
		}
		sum = max(sum, x)
	}
	return sum
}

// worstRead returns the greatest ratio of a contender to a peer over the three reads.
func (r reader) worstRead(who, peer string) float64 {
	var all []float64
	for _, read := range []string{suite.ReadStore, suite.ReadSecret, suite.ReadSecrets} {
		all = append(all, figure.Ratio(r.book.Median(read, who, suite.CPU), r.book.Median(read, peer, suite.CPU)))
	}
	return greatest(all...)
}

// growth is how the CPU per call has grown with something.
func (r reader) growth(what, call string) float64 {
	return figure.Ratio(r.of(suite.Growth(what, r.about.Many, call), suite.CPU), r.of(suite.Growth(what, suite.Few, call), suite.CPU))
}

func (r reader) worstGrowth() float64 {
	var all []float64
	for _, what := range suite.Growing() {
		all = append(all, r.growth(what, "get"), r.growth(what, "create"))
	}
	return greatest(all...)
}

// worst is the greatest figure of all rounds.
func (r reader) worst(measured, who, what string) float64 {
	_, most := figure.Spread(r.book.All(measured, who, what))
	return most
}

// worstOf returns the minimum of a figure over several measurements.
func (r reader) worstOf(what string, measured ...string) float64 {
	var all []float64
	for _, m := range measured {
		x := r.of(m, what)
		if !figure.Known(x) {
			return figure.None()
		}
		all = append(all, x)
	}
	lowest, _ := figure.Spread(all)
	return lowest
}
