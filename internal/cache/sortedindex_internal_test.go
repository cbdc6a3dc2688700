package cache

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// lowest orders entries by their ranks.
func lowest(x, y *entry[int]) int { return cmp.Compare(x.rank, y.rank) }

// The result of list has the added entries without the dropped entries, in order, and earlier
// results stay unchanged.
func TestARankingIsInOrderHoweverItChanges(t *testing.T) {
	for _, tc := range []struct {
		name string
		// next returns the rank of a new entry, and drops is the percentage of changes that drop an
		// entry.
		next  func(dice *rand.Rand, n int) int
		drops int
	}{
		{"all that come stand first", func(_ *rand.Rand, n int) int { return -n }, 0},
		{"most that come stand first", func(dice *rand.Rand, n int) int { return -n + dice.IntN(5) }, 5},
		{"they stand anywhere", func(dice *rand.Rand, _ int) int { return dice.IntN(1 << 30) }, 30},
		{"as many go as come", func(_ *rand.Rand, n int) int { return n }, 50},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(1, 2))
			all := map[string]*entry[int]{}
			var r sortedIndex[int]
			type given struct{ list, copied []*entry[int] }
			var before []given
			for n := range 6000 {
				if dice.IntN(100) < tc.drops {
					for id, f := range all {
						delete(all, id)
						r.drop(f)
						break
					}
				} else {
					f := &entry[int]{rank: tc.next(dice, n)}
					all[strconv.Itoa(n)] = f
					r.add(f)
				}
				if n > 2000 && n < 4000 && n%7 > 0 || n > 4000 && n < 5500 {
					continue
				}
				got := r.list(all, lowest)
				if len(got) != len(all) || !slices.IsSortedFunc(got, lowest) || slices.ContainsFunc(got, func(f *entry[int]) bool { return f.dropped }) {
					t.Fatalf("after %d changes %d of %d are listed, in order: %t", n, len(got), len(all), slices.IsSortedFunc(got, lowest))
				}
				if n%100 == 0 {
					before = append(before, given{got, slices.Clone(got)})
				}
			}
			for i, g := range before {
				if !slices.Equal(g.list, g.copied) {
					t.Errorf("the list that was given as number %d has changed", i)
				}
			}
		})
	}
}
