package suite

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"platform.internal/storekeeper/test/bench/figure"
)

// Book holds figures: each run adds one to those of its kind.
type Book struct {
	figures map[string][]float64
}

// NewBook returns an empty book.
func NewBook() *Book { return &Book{figures: map[string][]float64{}} }

// MarshalJSON writes all figures.
func (b *Book) MarshalJSON() ([]byte, error) { return json.Marshal(b.figures) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (b *Book) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &b.figures) }

// key is where figures of a kind stand: the measurement, the contender, and
// what was measured of it.
func key(measured, who, what string) string { return measured + "|" + who + "|" + what }

// Add adds a figure, unless it is none.
func (b *Book) Add(measured, who, what string, x float64) {
	if figure.Known(x) {
		k := key(measured, who, what)
		b.figures[k] = append(b.figures[k], x)
	}
}

// All are the figures of a kind.
func (b *Book) All(measured, who, what string) []float64 { return b.figures[key(measured, who, what)] }

// Median is the median of All.
func (b *Book) Median(measured, who, what string) float64 {
	return figure.Median(b.All(measured, who, what))
}

// Forget removes all figures whose measurement begins so.
func (b *Book) Forget(prefix string) {
	maps.DeleteFunc(b.figures, func(k string, _ []float64) bool { return strings.HasPrefix(k, prefix) })
}

// Kinds lists the keys, in order, for those who look for what is there.
func (b *Book) Kinds() []string { return slices.Sorted(maps.Keys(b.figures)) }
