package suite

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"platform.internal/storekeeper/test/bench/figure"
)

// Book holds figures by kind: each run adds one figure.
type Book struct {
	figures map[string][]float64
}

// NewBook returns an empty book.
func NewBook() *Book { return &Book{figures: map[string][]float64{}} }

// MarshalJSON writes all figures.
func (b *Book) MarshalJSON() ([]byte, error) { return json.Marshal(b.figures) }

// UnmarshalJSON reads the output of MarshalJSON.
func (b *Book) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &b.figures) }

// key returns the key of a kind of figures: measurement, contender and
// quantity.
func key(measured, who, what string) string { return measured + "|" + who + "|" + what }

// Add adds a figure, unless the figure is None.
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

// Forget removes all figures whose measurement has the prefix.
func (b *Book) Forget(prefix string) {
	maps.DeleteFunc(b.figures, func(k string, _ []float64) bool { return strings.HasPrefix(k, prefix) })
}

// Kinds lists the keys, sorted.
func (b *Book) Kinds() []string { return slices.Sorted(maps.Keys(b.figures)) }
