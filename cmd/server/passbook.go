package main

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/telemetry"
)

const (
	// bookStep is which part of a budget may be spent between two entries of its
	// book. So much more than was written counts as spent after a crash, also
	// where a process crashes again and again. So much can be spent while the
	// book cannot be written.
	bookStep = 50
	// seatLife is how long a replica that says nothing keeps its seat.
	seatLife = 4 * time.Second
	// seatEvery is how often it says something.
	seatEvery = seatLife / 4
	// refusalLimit bounds the writing of a refusal.
	refusalLimit = 2 * time.Second
)

var (
	errTaken   = errors.New("all parts of the budget are in use by other replicas")
	errUnknown = errors.New("what is spent of the budget is not known, since the records cannot be reached")
	errFound   = errors.New("there is such a record")
)

// passbook keeps what of a budget is spent, so that a process that starts does
// not spend it again: Cloudflare does not know of starts. Replicas have a seat
// each, and whoever takes a seat takes over its book.
type passbook struct {
	// name is that of the budget, seat the one that is held, -1 for none. Only
	// the goroutine that keeps the seat looks at them.
	name string
	seat int

	mu sync.Mutex
	// told is the failure that was logged last.
	told  error
	kept  records.Store
	purse purse
	key   string
	// holder is the replica that holds the seat under seatKey. There is none
	// where one process has the records to itself.
	holder, seatKey string
	opened          bool
	step            int
	// left is how many turns may be spent before the next entry.
	left int
	// again is when writing is tried again after it failed.
	again time.Time
	// refused is the end of the block that was written last, as nanoseconds
	// since 1970.
	refused int64
}

func newPassbook(name string) *passbook { return &passbook{name: name, seat: -1} }

// keep opens the book as soon as there is one to take over, and keeps its seat,
// until ctx ends. While the records cannot be reached, no process spends what it
// cannot write down.
func (b *passbook) keep(ctx context.Context, e *engine, p purse, c config.Budget) {
	tick := time.NewTicker(seatEvery)
	defer tick.Stop()
	for e.state.shared != nil || !b.ready() {
		select {
		case <-tick.C:
			b.begin(ctx, e, p, c)
		case <-ctx.Done():
			return
		}
	}
}

// begin takes a seat, or keeps the one that there is, and opens its book.
func (b *passbook) begin(ctx context.Context, e *engine, p purse, c config.Budget) {
	seat, err := b.sit(ctx, e, c.Replicas)
	if err == nil && !b.ready() {
		err = b.open(ctx, e, p, c, seat)
	}
	told := b.noteFailure(err)
	switch {
	case errors.Is(err, errTaken):
		// Who was silent for too long has lost its part to somebody else.
		b.shut()
		if !errors.Is(told, errTaken) {
			e.log.Warn("all parts of the budget are in use, so this replica makes no calls; budget.replicas is how many there are", zap.Int("replicas", c.Replicas))
		}
	case err != nil && told == nil && ctx.Err() == nil:
		e.log.Warn("the records cannot be reached, so this replica makes no calls beyond those that it wrote down", zap.String("budget", b.name), zap.Error(err))
	case err == nil && told != nil:
		e.log.Info("what is spent of the budget is written down", zap.String("budget", b.name))
	}
}

// noteFailure keeps a failure and gives the one before.
func (b *passbook) noteFailure(err error) (before error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, b.told = b.told, err
	return before
}

// failure is why the book is not open, where that is known.
func (b *passbook) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.told
}

// sit takes a seat, or keeps the one that it has. errTaken: all are taken.
func (b *passbook) sit(ctx context.Context, e *engine, seats int) (int, error) {
	if e.state.shared == nil {
		return 0, nil
	}
	for i := range seats {
		if b.seat >= 0 && b.seat != i {
			continue
		}
		key := b.seatOf(i)
		err := e.state.Change(ctx, []string{key}, func(now map[string]records.Entry) (map[string]*records.Entry, error) {
			if had, taken := now[key]; taken && string(had.Value) != e.replica {
				return nil, errTaken
			}
			return map[string]*records.Entry{key: {Value: []byte(e.replica), Expires: time.Now().Add(seatLife)}}, nil
		})
		if err == nil || !errors.Is(err, errTaken) {
			b.seat = i
			return i, err
		}
	}
	b.seat = -1
	return -1, errTaken
}

func (b *passbook) seatOf(i int) string { return "seat/" + b.name + "/" + strconv.Itoa(i) }

func (b *passbook) bookOf(i int) string { return "book/" + b.name + "/" + strconv.Itoa(i) }

func (b *passbook) ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opened
}

// shut lets no turn be spent until there is a seat again.
func (b *passbook) shut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened, b.kept = false, nil
}

// checks are the conditions of being ready: a replica that has no part of a
// budget can call nobody.
func (p *purses) checks() []telemetry.Check {
	var list []telemetry.Check
	for _, one := range p.list {
		list = append(list, telemetry.Check{Name: "budget " + one.name, Run: func(context.Context) error {
			if !one.book.ready() {
				return cmp.Or(one.book.failure(), errUnknown)
			}
			return nil
		}})
	}
	return list
}
