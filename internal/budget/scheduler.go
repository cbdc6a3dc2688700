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
	// heaviest is the largest weight of a tenant that is believed.
	heaviest = 1e6
)

// Scheduler shares the budget of one credential. All its methods can be called
// at the same time. It runs nothing of its own but a timer while asks wait.
type Scheduler struct {
	cfg    Config
	own    int
	second int
	// replicas is how many schedulers share the budget now.
	replicas int
	window   int64
	margin   int64
	start    time.Time

	mu     sync.Mutex
	closed bool
	timer  *time.Timer
	armed  int64
	// late is how late timers are; tests set it.
	late func() time.Duration

	spent    spent
	pace     pace
	throttle throttle

	accounts map[string]*account
	weights  float64
	sweepAt  int64

	fair    tree[*account]
	rush    tree[*account]
	leads   leads
	missing tree[*account]
	limits  tree[*waiter]
	groups  map[string]*group
	// convoys are the groups that made calls lately, gathering those in which
	// asks wait for company; parked is how many do.
	convoys   map[string]*convoy
	gathering tree[*convoy]
	parked    int
	waiting   int
	seq       uint64
	// virtual is the fair order's time: the tag of the tenant served last.
	virtual float64
	// fluid is what an even flow would have given each tenant, divided by its
	// weight, up to the time fluidAt.
	fluid   float64
	fluidAt int64

	// elsewhere is the demand of the other replicas by tenant, strangers the
	// weight of those that are not known here, coming how many slots the other
	// replicas can give to this one soon.
	elsewhere map[string]float64
	strangers float64
	coming    int
	heardAt   int64
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
		cfg:      cfg,
		window:   int64(cfg.Window),
		margin:   int64(min(time.Second, cfg.Window/50)),
		start:    time.Now(),
		armed:    never,
		accounts: map[string]*account{},
		groups:   map[string]*group{},
		convoys:  map[string]*convoy{},
		leads:    newLeads(),
	}
	s.throttle.others.window = s.window
	if !cfg.Partitioned {
		s.resize(cfg.Calls)
	}
	s.pace.last = -s.window
	s.fair = tree[*account]{less: fairOrder, place: func(a *account) *int { return &a.fairAt }}
	s.rush = tree[*account]{less: rushOrder, place: func(a *account) *int { return &a.rushAt }}
	s.missing = tree[*account]{
		less:  func(a, b *account) bool { return a.missUntil < b.missUntil },
		place: func(a *account) *int { return &a.missAt },
	}
	s.gathering = tree[*convoy]{
		less:  func(a, b *convoy) bool { return a.ripe < b.ripe },
		place: func(c *convoy) *int { return &c.ripeAt },
	}
	s.limits = tree[*waiter]{
		less:  func(a, b *waiter) bool { return a.deadline < b.deadline },
		place: func(w *waiter) *int { return &w.limitAt },
	}
	return s
}

// Close refuses all that wait and all that come, with an Unavailable fault.
// Calls under way can still be ended.
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

// tick is what the timer does.
func (s *Scheduler) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = never
	if s.closed {
		return
	}
	now := s.now()
	s.settle(now)
	s.run(now)
}

// settle brings all that depends on time alone up to now.
func (s *Scheduler) settle(now int64) {
	s.spent.expire(now)
	s.throttle.settle(now, s.window)
	if s.weights > 0 {
		s.fluid += float64(now-s.fluidAt) * s.flow() / s.weights
	}
	s.fluidAt = now
	s.leads.settle(s.fluid)
	s.forgetMissed(now)
	s.sweep(now)
	s.forgetOthers(now)
}
