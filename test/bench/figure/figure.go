// Package figure computes medians, quantiles and ratios.
//
// It must not know the meaning of the numbers.
package figure

import (
	"math"
	"slices"
	"time"
)

// None is a figure that was not measured. It is NaN, so that results computed
// from None are None too.
func None() float64 { return math.NaN() }

// Known tells whether a figure was measured.
func Known(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// Median returns the median of the known figures: for an even number, the mean
// of the two in the middle; without figures, None.
func Median(of []float64) float64 {
	sorted := known(of)
	if len(sorted) == 0 {
		return None()
	}
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Spread is the least and the greatest of the figures that are known.
func Spread(of []float64) (least, greatest float64) {
	sorted := known(of)
	if len(sorted) == 0 {
		return None(), None()
	}
	return sorted[0], sorted[len(sorted)-1]
}

// Ratio returns a/b, or None if a or b is None or b is 0.
func Ratio(a, b float64) float64 {
	if !Known(a) || !Known(b) || b == 0 {
		return None()
	}
	return a / b
}

// Quantile returns the quantile q (0 to 1) of durations, in milliseconds, or
// None without durations.
func Quantile(of []time.Duration, q float64) float64 {
	if len(of) == 0 {
		return None()
	}
	sorted := slices.Sorted(slices.Values(of))
	rank := int(math.Ceil(q*float64(len(sorted)))) - 1
	return Milliseconds(sorted[min(max(rank, 0), len(sorted)-1)])
}

// Milliseconds is a duration as a number.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func known(of []float64) []float64 {
	sorted := slices.DeleteFunc(slices.Clone(of), func(x float64) bool { return !Known(x) })
	slices.Sort(sorted)
	return sorted
}
