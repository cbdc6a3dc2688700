package budget

import (
	"math"
	"sync"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// never is a time that does not come.
	never = math.MaxInt64
	// heaviest is the largest weight of a tenant that is accepted.
	heaviest = 1e6
)

// Scheduler shares the budget of one credential between tenants by weighted fair queueing (WFQ). It is safe
// for concurrent use. It has no goroutine, but a timer while asks wait.
type Scheduler struct {
	cfg Config
	// own is the number of own slots, and second the maximum number of calls per second.
	own    int
	second int
	// replicas is the number of schedulers that share the budget now.
	replicas int
	window   int64
	margin   int64
	start    time.Time

	mu     sync.Mutex
	closed bool
	timer  *time.Timer
	armed  int64
	// late returns the delay of timers. Tests set it.
	late func() time.Duration

	spent    spent
	pacer    pacer
	throttle throttle

	flows   map[string]*flow
	weights float64
	sweepAt int64

	fair    indexedHeap[*flow]
	urgent  indexedHeap[*flow]
	credits credits
	missing indexedHeap[*flow]
	limits  indexedHeap[*waiter]
	groups  map[string]*group
	// batchWindows are the windows of groups with recent calls. openWindows are those with waiting asks, and
	// lingering is the number of these asks.
	batchWindows map[string]*batchWindow
	openWindows  indexedHeap[*batchWindow]
	lingering    int
	waiting      int
	seq          uint64
	// virtual is the virtual time of WFQ: the tag of the last served flow.
	virtual float64
	// fluid is the service that the fluid reference of WFQ (generalized processor sharing) would have given
	// each flow, divided by its weight, up to fluidAt.
	fluid   float64
	fluidAt int64

	// elsewhere is the number of waiting calls at other replicas by tenant, as of elsewhereAt. unknownWeight
	// is the weight of tenants that wait only there. coming is the number of slots that other replicas can
	// give soon.
	elsewhere     map[string]float64
	unknownWeight float64
	coming        int
	elsewhereAt   int64
}

// New makes a scheduler for one credential. Close ends it.
func New(cfg Config) *Scheduler {
	if cfg.Calls < 1 {
		cfg.Calls = 1200
	}
	if cfg.Window < 1 {
		cfg.Window = 5 * time.Minute
	}
	s := &Scheduler{
		cfg:          cfg,
		window:       int64(cfg.Window),
		margin:       int64(min(time.Second, cfg.Window/50)),
		start:        time.Now(),
		armed:        never,
		flows:        map[string]*flow{},
		groups:       map[string]*group{},
		batchWindows: map[string]*batchWindow{},
		credits:      newCredits(),
	}
	s.throttle.others.window = s.window
	if !cfg.Partitioned {
		s.resize(cfg.Calls)
	}
	s.pacer.last = -s.window
	s.fair = indexedHeap[*flow]{less: fairOrder, place: func(a *flow) *int { return &a.fairAt }}
	s.urgent = indexedHeap[*flow]{less: urgentOrder, place: func(a *flow) *int { return &a.urgentAt }}
	s.missing = indexedHeap[*flow]{
		less:  func(a, b *flow) bool { return a.missUntil < b.missUntil },
		place: func(a *flow) *int { return &a.missAt },
	}
	s.openWindows = indexedHeap[*batchWindow]{
		less:  func(a, b *batchWindow) bool { return a.closesAt < b.closesAt },
		place: func(c *batchWindow) *int { return &c.heapAt },
	}
	s.limits = indexedHeap[*waiter]{
		less:  func(a, b *waiter) bool { return a.deadline < b.deadline },
		place: func(w *waiter) *int { return &w.limitAt },
	}
	return s
}

// Close refuses waiting and later asks with an Unavailable fault. Calls in flight can still be ended.
func (s *Scheduler) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.arm(never)
	for s.limits.Len() > 0 {
		w := s.limits.top()
		s.dequeue(w)
		w.decide(nil, stopped())
	}
}

func stopped() error {
	return fault.New(fault.Unavailable, fault.ReasonShuttingDown, "Storekeeper is stopping, so the call was not sent.")
}

// now is the time since the start in nanoseconds.
func (s *Scheduler) now() int64 { return int64(time.Since(s.start)) }

// when is a time on the scheduler's clock.
func (s *Scheduler) when(t time.Time) int64 { return int64(t.Sub(s.start)) }

// arm sets the timer to a time of the scheduler's clock.
func (s *Scheduler) arm(at int64) {
	if at == s.armed {
		return
	}
	s.armed = at
	wait := time.Duration(at - s.now())
	if s.late != nil {
		wait += s.late()
	}
	switch {
	case at == never:
		if s.timer != nil {
			s.timer.Stop()
		}
	case s.timer == nil:
		s.timer = time.AfterFunc(wait, s.tick)
	default:
		s.timer.Reset(wait)
	}
}

// tick runs when the timer fires.
func (s *Scheduler) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = never
	if s.closed {
		return
	}
	now := s.now()
	s.advance(now)
	s.run(now)
}

// advance brings all that depends on time alone up to now.
func (s *Scheduler) advance(now int64) {
	s.spent.expire(now)
	s.throttle.advance(now, s.window)
	if s.weights > 0 {
		s.fluid += float64(now-s.fluidAt) * s.dispatchRate() / s.weights
	}
	s.fluidAt = now
	s.credits.advance(s.fluid)
	s.forgetMissed(now)
	s.sweep(now)
	s.forgetOthers(now)
}
