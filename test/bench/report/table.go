package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"platform.internal/storekeeper/test/bench/figure"
)

// Table is a table with a heading and a line about the measurement.
type Table struct {
	Title, Note string
	Head        []string
	Rows        [][]string
	// Plots are the file names and titles of the plots of the table.
	Plots [][2]string
}

// measured reports whether any row has a figure. The first cell of a row is its
// label and may be a number too.
func (t Table) measured() bool {
	isFigure := func(cell string) bool { return strings.ContainsAny(cell[:min(1, len(cell))], "0123456789") }
	return slices.ContainsFunc(t.Rows, func(row []string) bool { return slices.ContainsFunc(row[1:], isFigure) })
}

// Text is the table for a terminal.
func (t Table) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", t.Title)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t")) // Writing to memory does not fail.
	}
	_ = w.Flush()
	return b.String()
}

// Markdown is the table for the document.
func (t Table) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%s\n\n", t.Title, t.Note)
	b.WriteString("| " + strings.Join(t.Head, " | ") + " |\n|" + strings.Repeat("---|", len(t.Head)) + "\n")
	for _, row := range t.Rows {
		b.WriteString("| " + strings.Join(escaped(row), " | ") + " |\n")
	}
	for _, p := range t.Plots {
		fmt.Fprintf(&b, "\n![%s](performance/%s)\n", p[1], p[0])
	}
	return b.String()
}

func escaped(row []string) []string {
	cells := make([]string, len(row))
	for i, cell := range row {
		cells[i] = strings.ReplaceAll(cell, "|", `\|`)
	}
	return cells
}

// nothing is the text of a missing figure.
const nothing = "-"

// number formats a figure with its significant digits.
func number(x float64) string {
	switch {
	case !figure.Known(x):
		return nothing
	case math.Abs(x) >= 100:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case math.Abs(x) >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	default:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
}

// spread writes the least and the greatest of several figures.
func spread(of []float64) string {
	least, greatest := figure.Spread(of)
	if !figure.Known(least) {
		return nothing
	}
	return number(least) + " to " + number(greatest)
}

// part formats a fraction as 1/15.
func part(x float64) string {
	if !figure.Known(x) || x <= 0 {
		return nothing
	}
	return "1/" + strconv.FormatFloat(1/x, 'f', 1, 64)
}

func percent(x float64) string {
	if !figure.Known(x) {
		return nothing
	}
	return strconv.FormatFloat(100*x, 'f', 1, 64) + " %"
}

// Plural counts things.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func scan(text string, into *float64) (int, error) { return fmt.Sscan(text, into) }
