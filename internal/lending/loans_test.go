package lending_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/lending"
	"platform.internal/storekeeper/internal/records/valkeytest"
)

// purse is a budget that lends what it has, or asks for more.
type purse struct {
	due float64

	mu sync.Mutex
	// spare is what it has left to lend, atOnce the most that it lends at a time.
	spare, atOnce  int
	lent, borrowed int
	// meetings is how often it was given what was lent to it, if only nothing.
	meetings int
	// elsewhere is of how many others it last heard.
	elsewhere int
	// lending is called while it lends.
	lending func()
}

func (p *purse) Demand() map[string]int { return map[string]int{"x": 1} }
func (p *purse) Due() float64           { return p.due }
func (p *purse) Refused() time.Duration { return 0 }
func (p *purse) Block(time.Duration)    {}

func (p *purse) SetElsewhere(demand []map[string]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.elsewhere = len(demand)
}

func (p *purse) Surplus() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return min(p.spare, p.atOnce)
}

func (p *purse) Lend(n int) int {
	if n > 0 && p.lending != nil {
		p.lending()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n = min(n, p.spare)
	p.spare -= n
	p.lent += n
	return n
}

func (p *purse) Borrow(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.borrowed += n
	p.meetings++
}

func (p *purse) has() purse {
	p.mu.Lock()
	defer p.mu.Unlock()
	return purse{spare: p.spare, lent: p.lent, borrowed: p.borrowed, meetings: p.meetings, elsewhere: p.elsewhere}
}

func (p *purse) give(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spare += n
}

// meets waits until a purse was at a number of meetings that begin from now on.
func (p *purse) meets(t *testing.T, times int) {
	t.Helper()
	from := p.has().meetings
	until(t, "a meeting", func() bool { return p.has().meetings > from+times })
}

func shared(name string) lending.Config {
	return lending.Config{Name: name, Replicas: 20, Grace: 300 * time.Millisecond, Every: 10 * time.Millisecond}
}

// A server that stands still does what came meanwhile when it goes on. A loan of
// that time is older than it looks, and its lender counts on nobody using it.
func TestLoanThatWasLongUnderWayIsNotUsed(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	stopped := make(chan struct{})
	var once sync.Once
	var stop atomic.Bool
	lender := &purse{atOnce: 5, lending: func() {
		if stop.Load() {
			once.Do(func() {
				server.Pause()
				close(stopped)
			})
		}
	}}
	borrower := &purse{due: 1}
	c := shared("main")
	c.Replica = "borrower"
	leave := run(t, server, borrower, c)
	run(t, server, lender, shared("main"))
	// The server knows the way of a loan, so that the one to come is sent at once.
	gets := func() int {
		given := 0
		before := borrower.has().borrowed
		until(t, "a loan", func() bool {
			lender.give(1)
			given++
			return borrower.has().borrowed > before
		})
		until(t, "the end of lending", func() bool { return lender.has().spare == 0 })
		borrower.meets(t, 3)
		return given
	}
	gets()
	before := borrower.has().borrowed
	// It hears of the loan when the server goes on, and not in a call that it has
	// given up by then.
	leave()
	stop.Store(true)
	lender.give(5)
	<-stopped
	time.Sleep(2 * c.Grace)
	server.Resume()
	run(t, server, borrower, c)
	borrower.meets(t, 10)
	if got := borrower.has().borrowed - before; got != 0 {
		t.Errorf("%d turns are used that were lent two graces ago", got)
	}
	given := gets()
	if got := borrower.has().borrowed - before; got > given {
		t.Errorf("%d turns are used, and only %d lent since the server goes on", got, given)
	}
}

func TestLoansGoToThoseWhoLackAndNoFurther(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	lender := &purse{spare: 1000, atOnce: 40}
	much, little, content := &purse{due: 0.65}, &purse{due: 0.25}, &purse{due: 0.05}
	// Of other budgets, with names that begin alike.
	strangers := map[string]*purse{"main/1": {due: 1}, "main/2": {due: 1}, "other": {due: 1}, "mai": {due: 1}}
	named := shared("main")
	named.Replica = "much"
	run(t, server, much, named)
	for _, p := range []*purse{little, content, lender} {
		run(t, server, p, shared("main"))
	}
	for name, p := range strangers {
		run(t, server, p, shared(name))
	}
	// A replica has the same name in all its budgets.
	twin := shared("twin")
	twin.Replica = "much"
	strangers["twin"] = &purse{due: 1}
	run(t, server, strangers["twin"], twin)
	until(t, "all loans", func() bool { return lender.has().lent == 1000 })
	// The last loans are under way.
	much.meets(t, 3)
	little.meets(t, 3)
	a, b := much.has().borrowed, little.has().borrowed
	// A loan that takes long on a busy machine is lost, and nobody has it.
	if a+b > 1000 || a < 500 || b < 150 || a < 2*b {
		t.Errorf("of 1000 turns, 750 and 250 were due, %d and %d came", a, b)
	}
	if got := content.has(); got.borrowed != 0 || got.elsewhere != 3 {
		t.Errorf("one that lacks nothing got %d turns, and knows %d others, want 3", got.borrowed, got.elsewhere)
	}
	for name, p := range strangers {
		if got := p.has(); got.borrowed != 0 || got.elsewhere != 0 || got.meetings == 0 {
			t.Errorf("%s got %d turns of another budget, and knows %d others", name, got.borrowed, got.elsewhere)
		}
	}
}

func TestManyWhoLackLittleAllGetSome(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	var many []*purse
	for range 9 {
		p := &purse{due: 0.1}
		many = append(many, p)
		run(t, server, p, shared("main"))
	}
	lender := &purse{spare: 1_000_000, atOnce: 1}
	run(t, server, lender, shared("main"))
	for i, p := range many {
		until(t, "a turn", func() bool { return p.has().borrowed > 0 })
		if lent, all := p.has().borrowed, lender.has().lent; lent > all {
			t.Errorf("replica %d got %d turns of %d", i, lent, all)
		}
	}
}

func TestReplicaThatIsGoneIsForgotten(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	stays, leaves := &purse{}, &purse{due: 1}
	run(t, server, stays, shared("main"))
	stop := run(t, server, leaves, shared("main"))
	until(t, "the other", func() bool { return stays.has().elsewhere == 1 })
	stop()
	until(t, "its end", func() bool { return stays.has().elsewhere == 0 })
	stays.give(100)
	stays.meets(t, 3)
	if got := stays.has().lent; got != 0 {
		t.Errorf("%d turns are lent to one that is gone", got)
	}
}

func TestNothingIsKnownOfOthersWhileTheServerIsAway(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	one := &purse{}
	run(t, server, one, shared("main"))
	run(t, server, &purse{}, shared("main"))
	until(t, "the other", func() bool { return one.has().elsewhere == 1 })
	server.Kill()
	until(t, "its end", func() bool { return one.has().elsewhere == 0 })
	server.Restart()
	until(t, "the other again", func() bool { return one.has().elsewhere == 1 })
}
