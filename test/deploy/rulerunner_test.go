package deploy_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	promlabels "github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/prometheus/prometheus/model/histogram"
)

// step is the time between two scrapes, and between two evaluations.
const step = time.Minute

// ruleRunner evaluates rules with Prometheus's own engine, over series in memory,
// as `promtool test rules` does. promtool's own runner needs the client libraries
// of three clouds.
type ruleRunner struct {
	t      *testing.T
	engine *promql.Engine
	rules  []rule
	series map[string]*storage.SeriesEntry
	values map[string][]chunks.Sample
	// since is when the expression of an alert began to hold, by alert and labels.
	since map[string]time.Time
}

// newRuleRunner takes series in the notation of promtool: NAME{LABELS} VALUES.
func newRuleRunner(t *testing.T, rules []rule, lines []string) *ruleRunner {
	t.Helper()
	r := &ruleRunner{
		t: t, rules: rules, values: map[string][]chunks.Sample{}, series: map[string]*storage.SeriesEntry{}, since: map[string]time.Time{},
		engine: promql.NewEngine(promql.EngineOpts{MaxSamples: 1 << 20, Timeout: time.Minute, NoStepSubqueryIntervalFn: func(int64) int64 { return step.Milliseconds() }}),
	}
	for _, line := range lines {
		who, values, err := parser.NewParser(parser.Options{}).ParseSeriesDesc(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		for i, v := range values {
			if !v.Omitted {
				r.add(who, at(i), v.Value)
			}
		}
	}
	return r
}

// at is the time of a step.
func at(n int) time.Time { return time.Unix(0, 0).Add(time.Duration(n) * step) }

func (r *ruleRunner) add(who promlabels.Labels, when time.Time, value float64) {
	key := who.String()
	r.values[key] = append(r.values[key], sample{when.UnixMilli(), value})
	r.series[key] = storage.NewListSeries(who, r.values[key])
}

// firing evaluates all rules at a step, and returns the names of the alerts that
// fire then.
func (r *ruleRunner) firing(n int) (names []string) {
	r.t.Helper()
	now, holds := at(n), map[string]time.Time{}
	for _, rule := range r.rules {
		query, err := r.engine.NewInstantQuery(context.Background(), r, nil, rule.Expr, now)
		if err != nil {
			r.t.Fatalf("%s%s: %v", rule.Record, rule.Alert, err)
		}
		vector, err := query.Exec(context.Background()).Vector()
		if err != nil {
			r.t.Fatalf("%s%s: %v", rule.Record, rule.Alert, err)
		}
		for _, s := range vector {
			if rule.Record != "" {
				r.add(promlabels.NewBuilder(s.Metric).Set(model.MetricNameLabel, rule.Record).Labels(), now, s.F)
				continue
			}
			key := rule.Alert + s.Metric.String()
			if holds[key] = now; !r.since[key].IsZero() {
				holds[key] = r.since[key]
			}
			if now.Sub(holds[key]) >= duration(r.t, rule.For) && !slices.Contains(names, rule.Alert) {
				names = append(names, rule.Alert)
			}
		}
		query.Close()
	}
	r.since = holds
	slices.Sort(names)
	return names
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	if text == "" {
		return 0
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(d)
}

// Querier returns the series to the engine.
func (r *ruleRunner) Querier(int64, int64) (storage.Querier, error) {
	return &storage.MockQuerier{SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*promlabels.Matcher) storage.SeriesSet {
		var keys []string
		for key, s := range r.series {
			if !slices.ContainsFunc(matchers, func(m *promlabels.Matcher) bool { return !m.Matches(s.Lset.Get(m.Name)) }) {
				keys = append(keys, key)
			}
		}
		slices.SortFunc(keys, strings.Compare)
		found := &seriesSet{at: -1}
		for _, key := range keys {
			found.all = append(found.all, r.series[key])
		}
		return found
	}}, nil
}

// seriesSet is a storage.SeriesSet.
type seriesSet struct {
	all []storage.Series
	at  int
}

func (s *seriesSet) Next() bool                        { s.at++; return s.at < len(s.all) }
func (s *seriesSet) At() storage.Series                { return s.all[s.at] }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

// sample is a chunks.Sample.
type sample struct {
	t int64
	f float64
}

func (s sample) T() int64                      { return s.t }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.f }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }
