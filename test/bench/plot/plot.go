// Package plot draws bars and lines as SVG.
//
// It must not know the meaning of the data.
package plot

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Series is one colour of a plot. NaN values are left out.
type Series struct {
	Name   string
	Values []float64
	// Dashed is for lines.
	Dashed bool
}

// Chart is a plot. Each series has a value for each of Groups.
type Chart struct {
	Title string
	// Unit is the title of the axis of values, Along of the other.
	Unit, Along string
	Groups      []string
	Series      []Series
	// Lines draws lines with a logarithmic axis of values in place of bars.
	Lines bool
	// Mark draws a line across at this value; 0 is none.
	Mark float64
}

const (
	width, height            = 760, 400
	left, right, top, bottom = 70, 20, 60, 64
	plotWidth, plotHeight    = width - left - right, height - top - bottom
)

// colours are distinguishable without red and green vision.
var colours = []string{"#9aa0a6", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00"}

// canvas is an SVG that is being written.
type canvas struct {
	strings.Builder
}

// put writes to memory, which does not fail.
func (c *canvas) put(format string, args ...any) { fmt.Fprintf(&c.Builder, format, args...) }

func (c *canvas) line(x1, y1, x2, y2 float64, style string) {
	c.put(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" %s/>`+"\n", x1, y1, x2, y2, style)
}

func (c *canvas) text(x, y float64, style, text string) {
	c.put(`<text x="%.1f" y="%.1f" %s>%s</text>`+"\n", x, y, style, html.EscapeString(text))
}

// SVG draws the chart.
func (c Chart) SVG() string {
	out := &canvas{}
	out.put(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="#202124">`+"\n",
		width, height, width, height)
	out.put("<title>%s</title>\n", html.EscapeString(c.Title))
	out.put(`<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	out.text(left, 22, `font-size="15" font-weight="bold"`, c.Title)
	scale := c.scale()
	c.axes(out, scale)
	if c.Lines {
		c.drawLines(out, scale)
	} else {
		c.drawBars(out, scale)
	}
	if c.Mark > 0 {
		out.line(left, scale.y(c.Mark), width-right, scale.y(c.Mark), `stroke="#202124" stroke-dasharray="2 3"`)
	}
	if len(c.Series) > 1 {
		c.legend(out)
	}
	out.WriteString("</svg>\n")
	return out.String()
}

// axes draws the grid, the marks and the titles.
func (c Chart) axes(out *canvas, s scale) {
	for _, v := range s.marks() {
		out.line(left, s.y(v), width-right, s.y(v), `stroke="#e0e0e0"`)
		out.text(left-6, s.y(v)+4, `text-anchor="end"`, short(v))
	}
	out.line(left, top+plotHeight, width-right, top+plotHeight, `stroke="#202124"`)
	for i, g := range c.Groups {
		out.text(c.x(float64(i)+0.5), top+plotHeight+18, `text-anchor="middle"`, g)
	}
	out.text(left+plotWidth/2, height-22, `text-anchor="middle"`, c.Along)
	middle := float64(top + plotHeight/2)
	out.text(16, middle, fmt.Sprintf(`text-anchor="middle" transform="rotate(-90 16 %.1f)"`, middle), c.Unit)
}

// x returns the coordinate of a position among the groups.
func (c Chart) x(group float64) float64 {
	return left + group*plotWidth/float64(max(1, len(c.Groups)))
}

func (c Chart) drawBars(out *canvas, s scale) {
	const filled = 0.8 // Of the width of a group.
	bar := filled / float64(max(1, len(c.Series)))
	for i, series := range c.Series {
		for g := range c.Groups {
			v := series.at(g)
			if math.IsNaN(v) {
				continue
			}
			x, w := c.x(float64(g)+(1-filled)/2+float64(i)*bar), c.x(bar)-left
			out.put(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n",
				x+1, s.y(v), math.Max(w-2, 1), s.y(0)-s.y(v), colours[i%len(colours)])
			out.text(x+w/2, s.y(v)-4, `text-anchor="middle" font-size="10"`, short(v))
		}
	}
}

func (c Chart) drawLines(out *canvas, s scale) {
	for i, series := range c.Series {
		var points []string
		for g := range c.Groups {
			if v := series.at(g); v > 0 {
				points = append(points, fmt.Sprintf("%.1f,%.1f", c.x(float64(g)+0.5), s.y(v)))
			}
		}
		dash := ""
		if series.Dashed {
			dash = ` stroke-dasharray="6 4"`
		}
		out.put(`<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>`+"\n", strings.Join(points, " "), c.colour(i), dash)
	}
}

// colour returns a solid line and the dashed one behind it the same.
func (c Chart) colour(i int) string {
	solid := 0
	for _, s := range c.Series[:i] {
		if !s.Dashed {
			solid++
		}
	}
	if c.Series[i].Dashed {
		solid--
	}
	return colours[max(solid, 0)%len(colours)]
}

func (c Chart) legend(out *canvas) {
	const perLetter, gap = 6.6, 28
	x := float64(left)
	for i, s := range c.Series {
		if c.Lines {
			dash := ""
			if s.Dashed {
				dash = `stroke-dasharray="4 3"`
			}
			out.line(x, 40, x+14, 40, fmt.Sprintf(`stroke="%s" stroke-width="3" %s`, c.colour(i), dash))
		} else {
			out.put(`<rect x="%.1f" y="34" width="12" height="12" fill="%s"/>`+"\n", x, colours[i%len(colours)])
		}
		out.text(x+18, 44, `font-size="11"`, s.Name)
		x += float64(len(s.Name))*perLetter + gap
	}
}

// at is a value, not a number if there is none.
func (s Series) at(group int) float64 {
	if group >= len(s.Values) || math.IsInf(s.Values[group], 0) {
		return math.NaN()
	}
	return s.Values[group]
}

// short formats a number for readers.
func short(v float64) string {
	switch {
	case v == 0:
		return "0"
	case math.Abs(v) >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case math.Abs(v) >= 10:
		return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
	default:
		return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
	}
}
