package plot_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"platform.internal/storekeeper/test/bench/plot"
)

// elements counts the elements of well-formed XML.
func elements(t *testing.T, text string) map[string]int {
	t.Helper()
	seen := map[string]int{}
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return seen
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if e, ok := token.(xml.StartElement); ok {
			seen[e.Name.Local]++
		}
	}
}

func TestCharts(t *testing.T) {
	unknown := math.NaN()
	for name, c := range map[string]struct {
		chart       plot.Chart
		rects, poly int
	}{
		"bars":                    {plot.Chart{Title: "a", Groups: []string{"x", "y"}, Series: []plot.Series{{Name: "s", Values: []float64{1, 2}}, {Name: "t", Values: []float64{3, 4}}}}, 1 + 4 + 2, 0},
		"bars that are not known": {plot.Chart{Title: "a", Groups: []string{"x", "y", "z"}, Series: []plot.Series{{Name: "s", Values: []float64{1, unknown}}}}, 1 + 1, 0},
		"no figures at all":       {plot.Chart{Title: "a", Groups: []string{"x"}, Series: []plot.Series{{Name: "s", Values: []float64{unknown}}}}, 1, 0},
		"nothing":                 {plot.Chart{}, 1, 0},
		"names that are markup":   {plot.Chart{Title: `<b>&"'`, Unit: "</svg>", Along: "&", Groups: []string{"<x>"}, Series: []plot.Series{{Name: "<s>", Values: []float64{1}}}}, 1 + 1, 0},
		"lines":                   {plot.Chart{Lines: true, Mark: 3, Groups: []string{"1", "2"}, Series: []plot.Series{{Name: "s", Values: []float64{0.5, 4000}}, {Name: "s", Dashed: true, Values: []float64{1, 9}}}}, 1, 2},
		"lines without figures":   {plot.Chart{Lines: true, Groups: []string{"1"}, Series: []plot.Series{{Name: "s", Values: []float64{math.Inf(1)}}}}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			svg := c.chart.SVG()
			seen := elements(t, svg)
			if seen["rect"] != c.rects || seen["polyline"] != c.poly {
				t.Errorf("%d rectangles and %d lines, want %d and %d", seen["rect"], seen["polyline"], c.rects, c.poly)
			}
			if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
				t.Errorf("a place is not a number:\n%s", svg)
			}
		})
	}
}

func TestMoreIsHigher(t *testing.T) {
	svg := plot.Chart{Groups: []string{"x", "y"}, Series: []plot.Series{{Name: "s", Values: []float64{10, 20}}}}.SVG()
	var heights []string
	for _, part := range strings.Split(svg, "<rect ")[2:4] {
		_, rest, _ := strings.Cut(part, `height="`)
		height, _, _ := strings.Cut(rest, `"`)
		heights = append(heights, height)
	}
	if len(heights) != 2 || len(heights[0]) != len(heights[1]) || heights[0] >= heights[1] {
		t.Errorf("the heights are %v", heights)
	}
}
