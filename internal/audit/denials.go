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
	// denialsAtOnce is the burst of recorded denials per caller.
	denialsAtOnce = 100
	// allPerSecond and allAtOnce are the rate and burst of recorded denials of all callers
	// together, because a tenant may hold tokens of many subjects.
	allPerSecond, allAtOnce = 20, 2000
	// summarizeEvery is the interval of the records that count suppressed denials.
	summarizeEvery = time.Minute
	// maxSummaries is the maximum number of callers with a summary of their own per interval. The
	// remaining callers share a summary.
	maxSummaries = 100
	// maxCounted is the maximum number of callers that are counted separately.
	maxCounted = 10_000
)

// denials rate-limits recorded denials, and counts suppressed denials by caller.
type denials struct {
	// perHour is the limit of recorded denials per caller and hour. 0 means no limit.
	perHour int
	now     func() time.Time
	total   atomic.Int64

	mu      sync.Mutex
	all     *rate.Limiter
	callers map[string]*denialCount
}

// denialCount is the rate limiter and the suppressed count of one caller.
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

// admit reports whether to record a denial, and counts the denial if not. full means that there is
// no free space for denials.
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

// Suppress counts a denial that the caller of Log chose not to record.
func (l *Log) Suppress(r Record) { l.denials.count(&r) }

// of returns the count for the caller of a denial. Callers beyond maxCounted share a count.
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

// forget drops callers without suppressed denials whose token bucket is full again.
func (d *denials) forget(now time.Time) {
	for name, c := range d.callers {
		if c.suppressed == 0 && c.limiter.TokensAt(now) >= float64(c.limiter.Burst()) {
			delete(d.callers, name)
		}
	}
}

// summaries converts the suppressed counts into records and resets them. The largest counts come
// first.
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

// restore adds back the counts of summaries that could not be recorded.
func (d *denials) restore(list []Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range list {
		d.of(&list[i], d.now()).suppressed += list[i].Suppressed
	}
}

// summarize records the suppressed counts every minute and at the end.
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
