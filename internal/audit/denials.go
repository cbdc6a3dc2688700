package audit

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// denialsAtOnce is how many denials of one caller may be recorded at once.
	denialsAtOnce = 100
	// allPerSecond and allAtOnce bound the denials of all callers together: a
	// tenant may hold tokens of many subjects.
	allPerSecond, allAtOnce = 20, 2000
	// summarizeEvery is the time between two records that say how many denials
	// were not recorded.
	summarizeEvery = time.Minute
	// maxSummaries is how many callers have a summary of their own at a time. The
	// rest share one.
	maxSummaries = 100
	// maxCounted is how many callers are told apart.
	maxCounted = 10_000
)

// denials bounds how many denials are recorded, and counts the rest by caller.
type denials struct {
	// perHour is how many of one caller are recorded in an hour. 0: all.
	perHour int
	now     func() time.Time
	total   atomic.Int64

	mu      sync.Mutex
	all     *rate.Limiter
	callers map[string]*denialCount
}

// denialCount is what one caller may have recorded, and what was not.
type denialCount struct {
	limiter    *rate.Limiter
	about      Record
	suppressed int
}

func newDenials(perHour int, now func() time.Time) *denials {
	return &denials{
		perHour: perHour, now: now, all: rate.NewLimiter(allPerSecond, allAtOnce), callers: map[string]*denialCount{},
	}
}

// admit says whether a denial is to be recorded, and counts it where not. full
// says that no room is left for denials.
func (d *denials) admit(r *Record, full bool) bool {
	if d.perHour == 0 && !full {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	c := d.of(r, now)
	if !full && (r.Caller == "" || c.limiter.AllowN(now, 1) && d.all.AllowN(now, 1)) {
		return true
	}
	c.suppressed++
	d.total.Add(1)
	return false
}

// count counts a denial that is not recorded.
func (d *denials) count(r *Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.of(r, d.now()).suppressed++
	d.total.Add(1)
}

// Suppress counts a denial that the caller of Log does not want recorded.
func (l *Log) Suppress(r Record) { l.denials.count(&r) }

// of returns the count of the caller of a denial. Callers beyond maxCounted are
// one.
func (d *denials) of(r *Record, now time.Time) *denialCount {
	about := Record{Caller: r.Caller, Tenant: r.Tenant, Credential: r.Credential}
	if c := d.callers[r.Caller]; c != nil {
		return c
	}
	if len(d.callers) >= maxCounted {
		d.forget(now)
	}
	if len(d.callers) >= maxCounted {
		about = Record{}
	}
	if c := d.callers[about.Caller]; c != nil {
		return c
	}
	c := &denialCount{about: about, limiter: rate.NewLimiter(rate.Limit(float64(d.perHour)/time.Hour.Seconds()), min(denialsAtOnce, max(d.perHour, 1)))}
	d.callers[about.Caller] = c
	return c
}

// forget drops callers who were not denied anything for long.
func (d *denials) forget(now time.Time) {
	for name, c := range d.callers {
		if c.suppressed == 0 && c.limiter.TokensAt(now) >= float64(c.limiter.Burst()) {
			delete(d.callers, name)
		}
	}
}

// summaries takes the counts of what was not recorded as records, those with the
// most first.
func (d *denials) summaries() []Record {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []Record
	now := d.now()
	for _, c := range d.callers {
		if c.suppressed == 0 {
			continue
		}
		r := c.about
		r.Kind, r.Time, r.Reason, r.Suppressed = KindDenial, now, ReasonSuppressed, c.suppressed
		list = append(list, r)
		c.suppressed = 0
	}
	slices.SortFunc(list, func(a, b Record) int { return cmp.Or(b.Suppressed-a.Suppressed, cmp.Compare(a.Caller, b.Caller)) })
	if len(list) > maxSummaries {
		rest := Record{Kind: KindDenial, Time: now, Reason: ReasonSuppressed}
		for _, r := range list[maxSummaries:] {
			rest.Suppressed += r.Suppressed
		}
		list = append(list[:maxSummaries], rest)
	}
	return list
}

// restore counts again what could not be recorded.
func (d *denials) restore(list []Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range list {
		d.of(&list[i], d.now()).suppressed += list[i].Suppressed
	}
}

// summarize records every minute, and at the end, how many denials were not
// recorded.
func (l *Log) summarize(ctx context.Context) {
	ticker := time.NewTicker(summarizeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if !l.full() {
				l.writeSummaries(ctx)
			}
		case <-l.backlog.closing:
			l.writeSummaries(ctx)
			return
		}
	}
}

func (l *Log) writeSummaries(ctx context.Context) {
	list := l.denials.summaries()
	if len(list) == 0 {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, l.maxWait)
	defer cancel()
	if err := l.sink.Append(bounded, list...); err != nil {
		l.denials.restore(list)
	}
}
