package report

import (
	"fmt"
	"strconv"
	"strings"

	"platform.internal/storekeeper/test/bench/figure"
	"platform.internal/storekeeper/test/bench/stage"
	"platform.internal/storekeeper/test/bench/suite"
)

// Check compares a figure with a limit.
type Check struct {
	Got, Limit float64
	// AtLeast marks a lower limit.
	AtLeast bool
	// Of is the unit or meaning behind the number.
	Of string
	// Part formats the figure as a fraction.
	Part bool
}

// text writes the figure.
func (c Check) text() string {
	if c.Part {
		return part(c.Got) + c.Of
	}
	return number(c.Got) + c.Of
}

// met reports whether the figure meets the limit, known whether a limit exists.
func (c Check) met() (met, known bool) {
	if !figure.Known(c.Got) {
		return false, false
	}
	if c.AtLeast {
		return c.Got >= c.Limit, true
	}
	return c.Got <= c.Limit, true
}

// Target is a row of the table of targets.
type Target struct {
	What, Must, Aim string
	must, aim       []Check
}

const (
	isMet    = "met"
	isNotMet = "not met"
)

// isVerdict reports whether a cell judges something that was measured.
func isVerdict(cell string) bool { return cell == isMet || cell == isNotMet }

// Verdict is "met", "not met" or "not measured".
func Verdict(checks []Check) string {
	verdict := isMet
	for _, c := range checks {
		met, known := c.met()
		if !known {
			return "not measured"
		}
		if !met {
			verdict = isNotMet
		}
	}
	return verdict
}

// measured writes the figures of a target, each once.
func (t Target) measured() string {
	var said []string
	seen := map[string]bool{}
	for _, c := range append(append([]Check{}, t.must...), t.aim...) {
		text := c.text()
		if !seen[text] {
			seen[text] = true
			said = append(said, text)
		}
	}
	return strings.Join(said, ", ")
}

// row is the target as a line of a table.
func (t Target) row() []string {
	return []string{t.What, t.Must, t.Aim, t.measured(), Verdict(t.must), Verdict(t.aim)}
}

// upTo returns a check with an upper limit, least a check with a lower limit.
func upTo(got, limit float64, of string) Check { return Check{Got: got, Limit: limit, Of: of} }

func least(got, limit float64, of string) Check {
	return Check{Got: got, Limit: limit, Of: of, AtLeast: true}
}

const (
	// noise is how far two runs of the same differ; less than that is nothing.
	noise = 0.05
	// flat is how much a cost may grow that does not grow.
	flat = 1.1
	// fast is how long a refusal may take, in milliseconds.
	fast = 50
)

// Targets compares the figures with their targets.
func Targets(b *suite.Book, a About) []Target {
	r := reader{b, a}
	batch := figure.Ratio(r.of(suite.BatchSecrets, suite.CPU)/suite.BatchSize, r.of(suite.SingleSecrets, suite.CPU))
	grown := r.worstGrowth()
	start := r.ratio(suite.Start, suite.Ready, stage.Caddy)
	targets := r.costTargets()
	targets = append(targets, r.latencyTargets()...)
	return append(targets, r.keptTarget(),
		Target{"start with much kept", "≤ 0.5 s", "≤ 0.25 s",
			[]Check{upTo(r.of(suite.StartKept, suite.Ready), 500, " ms")}, []Check{upTo(r.of(suite.StartKept, suite.Ready), 250, " ms")}},
		Target{"exec to ready, nothing kept", "≤ 0.7 × Caddy", "≤ 0.4 ×", []Check{upTo(start, 0.7, " × Caddy")}, []Check{upTo(start, 0.4, " × Caddy")}},
		Target{"resident memory after " + Plural(a.most(), "connection"), "≤ 0.8 × Caddy", "≤ 40 MiB",
			[]Check{upTo(r.ratio(suite.Memory, suite.Resident, stage.Caddy), 0.8, " × Caddy")}, []Check{upTo(r.of(suite.Memory, suite.Resident), 40, " MiB")}},
		r.crowdTarget(0, suite.SDKThrough, 45, 56),
		r.crowdTarget(1, suite.HTTPThrough, 85, 98),
		Target{"batch of 100 creates, CPU per secret", "≤ 1/8 of a single create", "≤ 1/15",
			[]Check{{Got: batch, Limit: 1.0 / 8, Of: " of a single create", Part: true}}, []Check{{Got: batch, Limit: 1.0 / 15, Of: " of a single create", Part: true}}},
		Target{"growth: 10 to 10,000 rules, principals, tenants, stores, the worst", "≤ 1.2 × the CPU per call", "flat (≤ 1.1 ×)",
			[]Check{upTo(grown, 1.2, " ×")}, []Check{upTo(grown, flat, " ×")}},
		r.idleTarget(),
		r.overloadTarget(),
	)
}

func (r reader) crowdTarget(i int, who string, must, aim float64) Target {
	callers := nothing
	if i < len(r.about.Crowd) {
		callers = strconv.Itoa(r.about.Crowd[i])
	}
	t := Target{
		What: "secrets per second under Cloudflare's budget, single creates, " + callers + " callers",
		Must: fmt.Sprintf("≥ %.0f × the budget's calls, 0 failed", must), Aim: fmt.Sprintf("≥ %.0f ×", aim),
	}
	rate, failed := figure.None(), figure.None()
	if i < len(r.about.Crowd) {
		at := suite.Crowd(r.about.Crowd[i])
		rate, failed = r.book.Median(at, who, suite.Rate), r.worst(at, who, suite.FailedPart)
	}
	t.must = []Check{least(rate/suite.BudgetRate, must, " ×"), upTo(100*failed, 0, " % failed")}
	t.aim = []Check{least(rate/suite.BudgetRate, aim, " ×")}
	return t
}

func (r reader) idleTarget() Target {
	fifty, ninety := r.of(suite.IdleTogether, suite.Added50), r.of(suite.IdleTogether, suite.Added99)
	allowed50, allowed99 := noise*r.of(suite.IdleApart, suite.P50), noise*r.of(suite.IdleApart, suite.P99)
	return Target{
		What: "merging when the budget is idle (16 callers, one call a second each)",
		Must: "adds nothing to p50 (≤ 5 % of it)", Aim: "adds nothing to p99 (≤ 5 % of it)",
		must: []Check{upTo(fifty, allowed50, " ms p50")}, aim: []Check{upTo(ninety, allowed99, " ms p99")},
	}
}

func (r reader) overloadTarget() Target {
	share := r.worstOf(suite.Share, suite.OverBudget, suite.OverRPC, suite.OverCPU)
	slow := figure.None()
	if a, b := r.of(suite.OverBudget, suite.Refused99), r.of(suite.OverRPC, suite.Refused99); figure.Known(a) && figure.Known(b) {
		slow = max(a, b)
	}
	hinted := r.worstOf(suite.Hinted, suite.OverBudget, suite.OverRPC)
	return Target{
		What: "overload, 10 × capacity, the worst of three", Must: "goodput ≥ 90 % of peak, refusals fast (p99 ≤ 50 ms), all with Retry-After", Aim: "≥ 97 %",
		must: []Check{least(100*share, 90, " % of peak"), upTo(slow, fast, " ms to refuse, p99"), least(100*hinted, 100, " % with Retry-After")},
		aim:  []Check{least(100*share, 97, " % of peak")},
	}
}
