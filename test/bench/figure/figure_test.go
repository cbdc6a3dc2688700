package figure_test

import (
	"math"
	"testing"
	"time"

	"platform.internal/storekeeper/test/bench/figure"
)

func same(a, b float64) bool { return a == b || !figure.Known(a) && !figure.Known(b) }

func TestMedian(t *testing.T) {
	for name, c := range map[string]struct {
		of   []float64
		want float64
	}{
		"of nothing":                {nil, figure.None()},
		"of one":                    {[]float64{3}, 3},
		"of an odd number":          {[]float64{9, 1, 5}, 5},
		"of an even number":         {[]float64{4, 1, 2, 9}, 3},
		"without what is not known": {[]float64{figure.None(), 2, math.Inf(1), 4, 3}, 3},
		"of what is not known":      {[]float64{figure.None()}, figure.None()},
	} {
		t.Run(name, func(t *testing.T) {
			if got := figure.Median(c.of); !same(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestMedianLeavesTheFiguresInOrder(t *testing.T) {
	given := []float64{3, 1, 2}
	figure.Median(given)
	if given[0] != 3 || given[1] != 1 {
		t.Errorf("they are %v now", given)
	}
}

func TestSpread(t *testing.T) {
	if low, high := figure.Spread([]float64{5, figure.None(), 2, 7}); low != 2 || high != 7 {
		t.Errorf("got %v to %v", low, high)
	}
	if low, high := figure.Spread(nil); figure.Known(low) || figure.Known(high) {
		t.Errorf("nothing spreads from %v to %v", low, high)
	}
}

func TestRatio(t *testing.T) {
	for name, c := range map[string]struct{ a, b, want float64 }{
		"two figures":       {3, 2, 1.5},
		"nothing over one":  {0, 2, 0},
		"over nothing":      {3, 0, figure.None()},
		"of an unknown":     {figure.None(), 2, figure.None()},
		"over an unknown":   {2, figure.None(), figure.None()},
		"of what is beyond": {math.Inf(1), 2, figure.None()},
	} {
		t.Run(name, func(t *testing.T) {
			if got := figure.Ratio(c.a, c.b); !same(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestQuantile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100-i) * time.Millisecond
	}
	for name, c := range map[string]struct {
		of      []time.Duration
		q, want float64
	}{
		"of nothing":          {nil, 0.5, figure.None()},
		"of one":              {[]time.Duration{7 * time.Millisecond}, 0.99, 7},
		"the middle":          {hundred, 0.5, 50},
		"99 of 100":           {hundred, 0.99, 99},
		"all":                 {hundred, 1, 100},
		"none":                {hundred, 0, 1},
		"parts of a thousand": {[]time.Duration{1500 * time.Microsecond}, 0.5, 1.5},
	} {
		t.Run(name, func(t *testing.T) {
			if got := figure.Quantile(c.of, c.q); !same(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
