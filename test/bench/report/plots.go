package report

import (
	"math"
	"strconv"

	"platform.internal/storekeeper/test/bench/figure"
	"platform.internal/storekeeper/test/bench/plot"
	"platform.internal/storekeeper/test/bench/stage"
	"platform.internal/storekeeper/test/bench/suite"
)

// Plots draws the figures, by the name of the file.
func Plots(b *suite.Book, a About) map[string]string {
	r := reader{b, a}
	at := " (" + Plural(a.middle(), "connection") + ")"
	return map[string]string{
		"rest-create.svg": r.cpu("CPU per REST create"+at, suite.RESTCreate, creators()[1:]).SVG(),
		"grpc-create.svg": r.cpu("CPU per gRPC create"+at, suite.GRPCCreate, []string{stage.BareGRPC, stage.Storekeeper}).SVG(),
		"reads.svg":       r.readChart(at).SVG(),
		"latency.svg":     r.latencyChart().SVG(),
		"added.svg":       r.addedChart().SVG(),
		"budget.svg":      r.crowdChart().SVG(),
		"growth.svg":      r.growthChart().SVG(),
	}
}

// cpu has a bar for each contender.
func (r reader) cpu(title string, name func(int) string, contenders []string) plot.Chart {
	c := plot.Chart{Title: title, Unit: "µs of CPU per request", Along: "contender", Groups: contenders}
	only := plot.Series{Name: "median"}
	for _, who := range contenders {
		only.Values = append(only.Values, r.book.Median(name(r.about.middle()), who, suite.CPU))
	}
	c.Series = []plot.Series{only}
	return c
}

func (r reader) readChart(at string) plot.Chart {
	c := plot.Chart{Title: "CPU per read" + at, Unit: "µs of CPU per request", Along: "what is read", Groups: []string{"one store", "one secret", "list of 20 secrets"}}
	for _, who := range []string{stage.Nginx, stage.ReverseProxy, stage.Caddy, stage.Storekeeper} {
		s := plot.Series{Name: who}
		for _, measured := range []string{suite.ReadStore, suite.ReadSecret, suite.ReadSecrets} {
			s.Values = append(s.Values, r.book.Median(measured, who, suite.CPU))
		}
		c.Series = append(c.Series, s)
	}
	return c
}

func (r reader) latencyChart() plot.Chart {
	c := plot.Chart{Title: "REST create: time of a call, p50 and p99 (dashed), closed loop", Unit: "ms", Along: "connections", Lines: true}
	for _, n := range r.about.Connections {
		c.Groups = append(c.Groups, strconv.Itoa(n))
	}
	for _, who := range []string{stage.Direct, stage.ReverseProxy, stage.Caddy, stage.Storekeeper} {
		for _, q := range []string{suite.P50, suite.P99} {
			s := plot.Series{Name: who, Dashed: q == suite.P99}
			if s.Dashed {
				s.Name = "p99"
			}
			for _, n := range r.about.Connections {
				s.Values = append(s.Values, r.book.Median(suite.RESTCreate(n), who, q))
			}
			c.Series = append(c.Series, s)
		}
	}
	return c
}

func (r reader) addedChart() plot.Chart {
	c := plot.Chart{Title: "Added latency over a direct client, open loop, upstream at 20 ms", Unit: "ms", Along: "calls a second"}
	for _, rate := range r.about.Rates {
		for _, q := range []string{"p50", "p99"} {
			c.Groups = append(c.Groups, number(rate)+", "+q)
		}
	}
	for _, who := range []string{stage.Nginx, stage.ReverseProxy, stage.Caddy, stage.Storekeeper} {
		s := plot.Series{Name: who}
		for _, rate := range r.about.Rates {
			for _, what := range []string{suite.Added50, suite.Added99} {
				// Less than nothing is chance, and cannot be drawn.
				s.Values = append(s.Values, math.Max(0, r.book.Median(suite.OpenLoop(rate), who, what)))
			}
		}
		c.Series = append(c.Series, s)
	}
	return c
}

func (r reader) crowdChart() plot.Chart {
	c := plot.Chart{Title: "Single secrets a second; the dotted line is one for each call of the budget", Unit: "secrets/s", Along: "callers", Mark: suite.BudgetRate}
	for _, callers := range r.about.Crowd {
		c.Groups = append(c.Groups, strconv.Itoa(callers))
	}
	for _, who := range []struct{ name, label string }{
		{suite.TwoRetries, "SDK, two retries"}, {suite.ManyRetries, "SDK, for ever"}, {suite.SDKThrough, "SDK through Storekeeper"}, {suite.HTTPThrough, "net/http through Storekeeper"},
	} {
		s := plot.Series{Name: who.label}
		for _, callers := range r.about.Crowd {
			s.Values = append(s.Values, r.book.Median(suite.Crowd(callers), who.name, suite.Rate))
		}
		c.Series = append(c.Series, s)
	}
	return c
}

func (r reader) growthChart() plot.Chart {
	c := plot.Chart{
		Title: "CPU per call with " + strconv.Itoa(r.about.Many) + " as a ratio to that with 10; the dotted line is 1.5", Unit: "ratio", Along: "what has grown",
		Groups: suite.Growing(), Mark: 1.5,
	}
	for _, call := range []string{"create", "get"} {
		s := plot.Series{Name: "REST " + call}
		for _, what := range suite.Growing() {
			x := r.growth(what, call)
			if !figure.Known(x) {
				x = figure.None()
			}
			s.Values = append(s.Values, x)
		}
		c.Series = append(c.Series, s)
	}
	return c
}
