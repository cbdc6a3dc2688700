// Package suite has the cases of the benchmark, and computes figures from runs.
//
// It must not know how figures are shown or compared with targets.
package suite

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"platform.internal/storekeeper/test/bench/client"
	"platform.internal/storekeeper/test/bench/figure"
	"platform.internal/storekeeper/test/bench/load"
	"platform.internal/storekeeper/test/bench/stage"
)

// The quantities of a run.
const (
	CPU         = "cpu"         // Microseconds of the contender's processes per request.
	Rate        = "rate"        // Requests done a second.
	P50         = "p50"         // Milliseconds.
	P99         = "p99"         // Milliseconds.
	Resident    = "resident"    // MiB after the run.
	Objects     = "objects"     // Allocated per request.
	Bytes       = "bytes"       // Allocated per request.
	CallsBehind = "callsbehind" // Calls that reached the upstream.
	Written     = "written"     // KiB per request that the kernel wrote to disks.
	Syncs       = "syncs"       // Waits for the disk per request.
)

// Options say how much is measured.
type Options struct {
	// Rounds is how often each run is made.
	Rounds int
	// Length is the duration of a run. A run ends early after Limit calls.
	Length time.Duration
	Limit  int
	// Tail is the number of calls that a p99 needs. Runs with a p99 last until
	// that number; with fewer calls, no p99 is shown.
	Tail int
	// Connections are the sizes of the closed loops; other cases use the middle
	// size.
	Connections []int
	// Many is how many rules, principals and so on there are at most.
	Many int
	// Starts is how often the time to be ready is taken.
	Starts int
	// Crowd are the numbers of callers under the budget. CrowdLength is the
	// duration: whole windows of the budget, because the first burst would count
	// twice otherwise.
	Crowd       []int
	CrowdLength time.Duration
	// Steady is how long runs are at a fixed rate under the budget.
	Steady time.Duration
	// Rates of the open loop, in calls per second.
	Rates []float64
	// Kept are the numbers of kept answers in the measurements of creates.
	// KeptAtStart and Records are the numbers of answers and trail records in the
	// measurement of starts.
	Kept                 []int
	KeptAtStart, Records int
	// Traced is how many calls are made while waits for the disk are counted.
	Traced int
	// Log receives the progress.
	Log io.Writer
}

// Suite measures and writes down.
type Suite struct {
	stage   *stage.Stage
	book    *Book
	options Options
	// round is the number of the running round, from 0.
	round int
	// percents are Storekeeper's values of GOGC by kind of call, and idleWaits
	// the durations of the idle case over all rounds.
	percents  map[string]int
	idleWaits map[string][]time.Duration
}

// New returns a suite.
func New(s *stage.Stage, b *Book, o Options) *Suite {
	return &Suite{stage: s, book: b, options: o, percents: map[string]int{}, idleWaits: map[string][]time.Duration{}}
}

// Case is something that can be measured by itself.
type Case struct {
	// Name selects the case; the names of its measurements begin with Name.
	Name, About string
	run         func(*Suite, context.Context) error
	// once marks a case without rounds.
	once bool
}

// Cases are all that can be measured.
func Cases() []Case {
	return []Case{
		{Name: "rest", About: "REST create store, closed loop", run: (*Suite).restCreate},
		{Name: "grpc", About: "gRPC create store, closed loop", run: (*Suite).grpcCreate},
		{Name: "reads", About: "reads, closed loop", run: (*Suite).reads},
		{Name: "secret", About: "REST create of one secret, closed loop", run: (*Suite).singleSecrets},
		{Name: "quota", About: "creates with quotas and without", run: (*Suite).quotas},
		{Name: "traces", About: "creates with traces and without", run: (*Suite).traces},
		{Name: "syncs", About: "waits for the disk", run: (*Suite).syncs, once: true},
		{Name: "batch", About: "secrets one by one and by the hundred", run: (*Suite).batches},
		{Name: "open", About: "REST create store, open loop", run: (*Suite).openLoop},
		{Name: "budget", About: "single secrets under Cloudflare's budget", run: (*Suite).crowd},
		{Name: "growth", About: "rules, principals, tenants and stores", run: (*Suite).growth},
		{Name: "kept", About: "creates and starts with many kept answers", run: (*Suite).keptAnswers, once: true},
		{Name: "start", About: "exec to ready, size of the program", run: (*Suite).starts, once: true},
		{Name: "memory", About: "memory after most connections", run: (*Suite).memory},
		{Name: "idle", About: "merging while the budget is idle", run: (*Suite).idle},
		{Name: "overload", About: "ten times what can be carried", run: (*Suite).overload},
	}
}

// Run measures the cases that are named.
func (s *Suite) Run(ctx context.Context, names []string) error {
	for _, c := range Cases() {
		if !slices.Contains(names, c.Name) {
			continue
		}
		s.book.Forget(c.Name)
		rounds := s.options.Rounds
		if c.once {
			rounds = 1
		}
		for round := range rounds {
			s.round = round
			began := time.Now()
			if err := c.run(s, ctx); err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
			s.say("%s: round %d of %d took %s", c.About, round+1, rounds, time.Since(began).Round(100*time.Millisecond))
		}
	}
	return nil
}

func (s *Suite) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.options.Log, format+"\n", args...)
}

// middle returns the number of connections for cases with one size.
func (s *Suite) middle() int { return s.options.Connections[len(s.options.Connections)/2] }

// plan is the closed loop of so many connections.
func (s *Suite) plan(connections int) load.Plan {
	return load.Plan{Workers: connections, Length: s.options.Length, Limit: s.options.Limit, Least: min(s.options.Tail, s.options.Limit)}
}

// tail is the p99 of calls, and none of too few.
func (s *Suite) tail(of []time.Duration) float64 {
	if len(of) < s.options.Tail {
		return figure.None()
	}
	return figure.Quantile(of, 0.99)
}

// run is a measurement of a contender.
type run struct {
	name string
	plan load.Plan
	call load.Call
	// open says that calls begin at the rate of the plan.
	open bool
	// tolerant says that refusals are not a failure of the run.
	tolerant bool
	// cold leaves out the warm-up.
	cold bool
}

// warm makes a short run before the measured run.
func (r run) warm(ctx context.Context) error {
	if r.cold {
		return nil
	}
	p := r.plan
	p.Length, p.Limit, p.Least = min(p.Length/4, time.Second), p.Limit/4, 0
	made := load.Closed(ctx, p, r.call)
	if r.tolerant {
		return made.First
	}
	return made.Bad()
}

// measure makes a run and adds the figures to the book.
func (s *Suite) measure(ctx context.Context, w *stage.World, r run) (*load.Result, error) {
	if err := r.warm(ctx); err != nil {
		return nil, fmt.Errorf("%s, warm-up: %w", w.Name, err)
	}
	runtime.GC() // Or that of the warm-up would run in the middle.
	before, err := meter(ctx, w)
	if err != nil {
		return nil, err
	}
	began, err := processor(w)
	if err != nil {
		return nil, err
	}
	var result *load.Result
	if r.open {
		result = load.Open(ctx, r.plan, r.call)
	} else {
		result = load.Closed(ctx, r.plan, r.call)
	}
	ended, err := processor(w) // First, since to ask for the rest takes some.
	if err != nil {
		return result, err
	}
	after, err := meter(ctx, w)
	if err != nil {
		return result, err
	}
	before.cpu, after.cpu = began, ended
	bad := result.Failed
	if !r.tolerant {
		bad += result.Refused
	}
	if ctx.Err() != nil {
		return result, ctx.Err()
	}
	if bad > 0 || result.Done == 0 {
		return result, fmt.Errorf("%s: %d of %d calls failed, the first with: %w", w.Name, bad, bad+result.Done, result.Bad())
	}
	s.note(w, r.name, result, before, after)
	return result, nil
}

// note adds the figures of a run to the book.
func (s *Suite) note(w *stage.World, name string, r *load.Result, before, after reading) {
	add := func(what string, x float64) { s.book.Add(name, w.Name, what, x) }
	calls := float64(r.Done + r.Refused)
	add(Rate, r.Rate())
	add(P50, figure.Quantile(r.Waits, 0.5))
	add(P99, s.tail(r.Waits))
	add(CPU, (after.cpu-before.cpu)/calls)
	add(Objects, (after.objects-before.objects)/calls)
	add(Bytes, (after.bytes-before.bytes)/calls)
	add(Resident, after.resident)
	add(Written, (after.written-before.written)/calls/1024)
	add(CallsBehind, after.calls-before.calls)
}

// reading is the state of the meters: microseconds, MiB, bytes and counts.
type reading struct{ cpu, resident, objects, bytes, calls, written float64 }

// meter reads all but the processor.
func meter(ctx context.Context, w *stage.World) (reading, error) {
	r := reading{resident: figure.None(), written: figure.None()}
	var err error
	if r.calls, _, err = w.Counts(ctx); err != nil {
		return r, err
	}
	if r.objects, r.bytes, err = w.Allocations(ctx); err != nil || w.Process == nil {
		return r, err
	}
	if n, err := w.Process.Written(); err == nil { // Some systems do not tell.
		r.written = n
	}
	r.resident, err = w.Process.Resident()
	return r, err
}

// processor returns the CPU time of the contender, in microseconds.
func processor(w *stage.World) (float64, error) {
	if w.Process == nil {
		return figure.None(), nil
	}
	used, err := w.Process.CPU()
	return float64(used) / float64(time.Microsecond), err
}

// at starts a world for one run over REST and stops the world afterwards.
func (s *Suite) at(ctx context.Context, name string, set stage.Settings, connections int, do func(*stage.World, *client.REST) error) error {
	w, err := s.stage.Start(ctx, name, set)
	if err != nil {
		return err
	}
	defer w.Stop()
	c := client.NewREST(w, connections)
	defer c.Close()
	return do(w, c)
}

// here returns the available contenders. Each round begins with another
// contender, so that the order varies.
func (s *Suite) here(names ...string) []string {
	names = slices.DeleteFunc(names, func(n string) bool { return !s.stage.Programs().Has(n) })
	first := s.round % len(names)
	return slices.Concat(names[first:], names[:first])
}
