package report_test

import (
	"math"
	"strings"
	"testing"

	"platform.internal/storekeeper/test/bench/report"
	"platform.internal/storekeeper/test/bench/stage"
	"platform.internal/storekeeper/test/bench/suite"
)

func about() report.About {
	return report.About{Connections: []int{1, 32, 256}, Rates: []float64{1000}, Crowd: []int{64, 256}, Many: 10_000, Kept: []int{200_000, 400_000}, KeptAtStart: 350_000, Records: 1_000_000, Machine: "a machine", Date: "2026-01-02"}
}

func TestVerdicts(t *testing.T) {
	unknown := math.NaN()
	for name, c := range map[string]struct {
		checks []report.Check
		want   string
	}{
		"below an upper limit":       {[]report.Check{{Got: 1, Limit: 2}}, "met"},
		"at an upper limit":          {[]report.Check{{Got: 2, Limit: 2}}, "met"},
		"above an upper limit":       {[]report.Check{{Got: 2.01, Limit: 2}}, "not met"},
		"below a lower limit":        {[]report.Check{{Got: 1, Limit: 2, AtLeast: true}}, "not met"},
		"at a lower limit":           {[]report.Check{{Got: 2, Limit: 2, AtLeast: true}}, "met"},
		"one of two":                 {[]report.Check{{Got: 1, Limit: 2}, {Got: 3, Limit: 2}}, "not met"},
		"unknown":                    {[]report.Check{{Got: unknown, Limit: 2}}, "not measured"},
		"unknown beside what is met": {[]report.Check{{Got: 1, Limit: 2}, {Got: unknown, Limit: 2, AtLeast: true}}, "not measured"},
		"beyond all":                 {[]report.Check{{Got: math.Inf(1), Limit: 2, AtLeast: true}}, "not measured"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := report.Verdict(c.checks); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// row is the line of the targets that begins so.
func row(t *testing.T, b *suite.Book, begin string) []string {
	t.Helper()
	for _, r := range report.TargetTable(b, about()).Rows {
		if strings.HasPrefix(r[0], begin) {
			return r
		}
	}
	t.Fatalf("no target begins with %q", begin)
	return nil
}

func TestTargetsAreComputedFromMedians(t *testing.T) {
	b := suite.NewBook()
	for _, x := range []float64{90, 400, 110} { // 110 in the middle
		b.Add(suite.RESTCreate(32), stage.Storekeeper, suite.CPU, x)
	}
	b.Add(suite.RESTCreate(32), stage.Caddy, suite.CPU, 100)
	b.Add(suite.RESTCreate(32), stage.Floor, suite.CPU, 50)
	if got := row(t, b, "REST create, CPU per request, 32"); got[2] != "≤ 1.0 × (floor 0.50)" || got[3] != "1.10 × Caddy" || got[4] != "met" || got[5] != "not met" {
		t.Errorf("got %q", got)
	}
	if got := row(t, b, "gRPC create"); got[3] != "- × bare" || got[4] != "not measured" {
		t.Errorf("got %q", got)
	}
}

func TestTracesAreHeldByPairsOfRuns(t *testing.T) {
	b := suite.NewBook()
	for _, pair := range [][2]float64{{100, 104}, {200, 206}, {90, 120}} { // 1.04 in the middle
		b.Add(suite.TracesOff, stage.Storekeeper, suite.CPU, pair[0])
		b.Add(suite.TracesOn, stage.Storekeeper, suite.CPU, pair[1])
	}
	if got := row(t, b, "traces of one call in a hundred, a REST create"); got[3] != "1.04 × without" || got[4] != "met" {
		t.Errorf("got %q", got)
	}
}

func TestAddedLatencyIsHeldInPacedSyncsOverCaddy(t *testing.T) {
	b := suite.NewBook()
	at := suite.OpenLoop(1000)
	b.Add(at, suite.Disk, suite.P50, 0.5)
	for what, x := range map[string][2]float64{suite.Added50: {0.4, 2.4}, suite.Added99: {1, 7.5}} {
		b.Add(at, stage.Caddy, what, x[0])
		b.Add(at, stage.Storekeeper, what, x[1])
	}
	if got := row(t, b, "added latency, 1000"); got[3] != "4.00 p50, 13.0 p99" || got[4] != "not met" {
		t.Errorf("got %q", got)
	}
	b.Forget(at + "|" + stage.Caddy + "|" + suite.Added99)
	b.Add(at, stage.Caddy, suite.Added99, 3.5)
	if got := row(t, b, "added latency, 1000"); got[3] != "4.00 p50, 8.00 p99" || got[4] != "met" || got[5] != "not met" {
		t.Errorf("got %q", got)
	}
}

func TestTheMostKeptAnswersCount(t *testing.T) {
	b := suite.NewBook()
	for count, x := range map[int]float64{200_000: 200, 400_000: 111} {
		b.Add(suite.WithKept(count), stage.Storekeeper, suite.CPU, x)
		b.Add(suite.WithNoneKept(count), stage.Storekeeper, suite.CPU, 100)
		b.Add(suite.WithKept(count), stage.Storekeeper, suite.Written, 10)
		b.Add(suite.WithNoneKept(count), stage.Storekeeper, suite.Written, 10)
	}
	if got := row(t, b, "400000 kept"); got[3] != "1.11 × CPU, 1.00 × written" || got[4] != "not met" {
		t.Errorf("got %q", got)
	}
}

func TestTheBatchIsHeldPerSecret(t *testing.T) {
	b := suite.NewBook()
	b.Add(suite.SingleSecrets, stage.Storekeeper, suite.CPU, 100)
	b.Add(suite.BatchSecrets, stage.Storekeeper, suite.CPU, 1000)
	if got := row(t, b, "batch"); got[3] != "1/10.0 of a single create" || got[4] != "met" || got[5] != "not met" {
		t.Errorf("got %q", got)
	}
}

func TestOneFailureUnderTheBudgetIsOneTooMany(t *testing.T) {
	b := suite.NewBook()
	for _, failed := range []float64{0, 0, 0.001} {
		b.Add(suite.Crowd(64), suite.SDKThrough, suite.Rate, 60*suite.BudgetRate)
		b.Add(suite.Crowd(64), suite.SDKThrough, suite.FailedPart, failed)
	}
	if got := row(t, b, "secrets per second under Cloudflare's budget, single creates, 64"); got[4] != "not met" || got[5] != "met" {
		t.Errorf("got %q", got)
	}
}

func TestTheWorstOfGrowthCounts(t *testing.T) {
	b := suite.NewBook()
	for _, what := range suite.Growing() {
		for _, call := range []string{"create", "get"} {
			b.Add(suite.Growth(what, suite.Few, call), stage.Storekeeper, suite.CPU, 10)
			b.Add(suite.Growth(what, 10_000, call), stage.Storekeeper, suite.CPU, 10)
		}
	}
	if got := row(t, b, "growth"); got[3] != "1.00 ×" || got[5] != "met" {
		t.Errorf("got %q", got)
	}
	b.Forget(suite.Growth("tenants", 10_000, "get"))
	b.Add(suite.Growth("tenants", 10_000, "get"), stage.Storekeeper, suite.CPU, 16)
	if got := row(t, b, "growth"); got[3] != "1.60 ×" || got[4] != "not met" {
		t.Errorf("got %q", got)
	}
}

func TestOnlyWhatWasMeasuredIsPrinted(t *testing.T) {
	b := suite.NewBook()
	b.Add(suite.RESTCreate(32), stage.Storekeeper, suite.CPU, 100)
	b.Add(suite.RESTCreate(32), stage.Caddy, suite.CPU, 100)
	var out strings.Builder
	if err := report.Print(&out, b, about()); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for what, want := range map[string]bool{
		"REST create, CPU per request, 32": true, "REST create store": true,
		"gRPC create, CPU": false, "Added latency": false, "Start, memory": false, "Quotas": false,
	} {
		if strings.Contains(text, what) != want {
			t.Errorf("%q is there: %v, want %v in\n%s", what, !want, want, text)
		}
	}
}

func TestAnEmptyBookMakesAWholeDocument(t *testing.T) {
	text := report.Document(suite.NewBook(), about(), "## What the figures mean\n\nNothing.\n") + report.Figures(suite.NewBook(), about())
	for _, want := range []string{"# Performance", "a machine", "2026-01-02", "## What must be", "\n## What the figures mean\n\nNothing.\n", "## Reads", "not measured", "](reads.svg)"} {
		if !strings.Contains(text, want) {
			t.Errorf("the document lacks %q", want)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
		t.Error("the document has a figure that is none")
	}
}

func TestRowsAreAsWideAsTheHead(t *testing.T) {
	b := suite.NewBook()
	b.Add(suite.Crowd(64), suite.SDKThrough, suite.Rate, 1)
	for _, table := range append(report.Tables(b, about()), report.TargetTable(b, about())) {
		for _, r := range table.Rows {
			if len(r) != len(table.Head) {
				t.Errorf("%s: %q has %d cells, the head %d", table.Title, r, len(r), len(table.Head))
			}
		}
		if len(table.Rows) == 0 || table.Note == "" && table.Title == "" {
			t.Errorf("%q is empty", table.Title)
		}
	}
}

func TestATableInMarkdownEscapesItsBars(t *testing.T) {
	table := report.Table{Title: "T", Note: "N", Head: []string{"a"}, Rows: [][]string{{"x|y"}}, Plots: [][2]string{{"p.svg", "P"}}}
	if got := table.Markdown(); !strings.Contains(got, `| x\|y |`) || !strings.Contains(got, "![P](performance/p.svg)") {
		t.Errorf("got %s", got)
	}
}
