package main

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/telemetry"
)

const (
	// bookStep is which part of a budget may be spent between two entries of its
	// book. So much more than was written counts as spent at the next start, also
	// where a process crashes again and again.
	bookStep = 100
	// seatLife is how long a replica that says nothing keeps its seat.
	seatLife = 4 * time.Second
	// seatEvery is how often it says something.
	seatEvery = seatLife / 4
)

var errTaken = errors.New("all parts of the budget are in use by other replicas")

// passbook keeps what of a budget is spent, so that a process that starts does
// not spend it again: Cloudflare does not know of starts. Replicas have a seat
// each, and whoever takes a seat takes over its book.
type passbook struct {
	// name is that of the budget, seat the one that is held, -1 for none. Only
	// the goroutine that keeps the seat looks at them.
	name string
	seat int

	mu     sync.Mutex
	kept   records.Store
	purse  purse
	key    string
	opened bool
	step   int
	// left is how many turns may be spent before the next entry.
	left int
	// again is when writing is tried again after it failed.
	again time.Time
}

func newPassbook(name string) *passbook { return &passbook{name: name, seat: -1} }

// entry is what a passbook says.
type entry struct {
	// Spent is what was spent then.
	Spent []budget.Spent `json:"spent,omitempty"`
	// Ahead is how much may have been spent since.
	Ahead int `json:"ahead"`
	// Refused is until when Cloudflare takes no calls.
	Refused time.Time `json:"refused,omitzero"`
}

// keep opens the book as soon as there is one to take over, and keeps its seat,
// until ctx ends. Where the records cannot be reached, this process spends its
// own part without a book.
func (b *passbook) keep(ctx context.Context, e *engine, p purse, c config.Budget) {
	tick := time.NewTicker(seatEvery)
	defer tick.Stop()
	for e.state.shared != nil {
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
		err = b.open(ctx, e.state, p, c.Window, seat)
	}
	if errors.Is(err, errTaken) {
		// Who was silent for too long has lost its part to somebody else.
		b.shut()
		e.log.Warn("all parts of the budget are in use, so this replica makes no calls; budget.replicas is how many there are", zap.Int("replicas", c.Replicas))
	}
	if err != nil && !errors.Is(err, errTaken) && ctx.Err() == nil {
		if !b.ready() {
			e.log.Warn("what was spent of the budget is not known", zap.Error(err))
		}
		b.admitAll()
	}
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
		key := "seat/" + b.name + "/" + strconv.Itoa(i)
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

// open takes over the book of a seat.
func (b *passbook) open(ctx context.Context, kept records.Store, p purse, window time.Duration, seat int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept, b.purse, b.step = kept, p, max(1, p.State().Limit/bookStep)
	b.key = "book/" + p.name + "/" + strconv.Itoa(seat)
	found, err := kept.Get(ctx, b.key)
	if err != nil {
		return err
	}
	if written, known := found[b.key]; known {
		b.takeOver(written.Value, window)
	}
	if err := b.write(ctx, b.step); err != nil {
		return err
	}
	b.opened = true
	return nil
}

// takeOver counts what an earlier life spent. An entry that cannot be read may
// mean that all was.
func (b *passbook) takeOver(text []byte, window time.Duration) {
	before := entry{}
	if json.Unmarshal(text, &before) != nil {
		before = entry{Ahead: b.purse.State().Limit}
	}
	b.purse.Spend(before.Spent)
	b.purse.Spend([]budget.Spent{{Until: time.Now().Add(window), Turns: before.Ahead}})
	if d := time.Until(before.Refused); d > 0 {
		b.purse.Block(min(d, time.Hour))
	}
}

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

// admitAll lets turns be spent without a book, where none was opened.
func (b *passbook) admitAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.opened {
		b.opened, b.kept = true, nil
	}
}

// note counts a turn that is about to be used. Now and then it writes, before
// the turn is used.
func (b *passbook) note(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.opened:
		f := fault.New(fault.Unavailable, "BUDGET_UNKNOWN", "It is not known yet what of the call budget is spent.")
		f.RetryAfter = time.Second
		return f
	case b.kept == nil:
		return nil
	case b.left > 0:
		b.left--
	case time.Now().After(b.again):
		// A book that cannot be written is behind, which matters to a next start
		// only; reads go on meanwhile.
		if b.write(ctx, b.step) != nil {
			b.again = time.Now().Add(time.Second)
		}
	}
	return nil
}

// close writes the last entry, after which nothing is spent.
func (b *passbook) close(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.kept == nil || !b.opened {
		return nil
	}
	return b.write(ctx, 0)
}

func (b *passbook) write(ctx context.Context, ahead int) error {
	text, err := json.Marshal(entry{
		Spent: b.purse.Spent(), Ahead: ahead, Refused: time.Unix(0, b.purse.refused.Load()),
	})
	if err != nil {
		return err
	}
	err = b.kept.Change(ctx, []string{b.key}, func(map[string]records.Entry) (map[string]*records.Entry, error) {
		return map[string]*records.Entry{b.key: {Value: text}}, nil
	})
	if err == nil {
		b.left = ahead
	}
	return err
}

// checks are the conditions of being ready: a replica that has no part of a
// budget can call nobody.
func (p *purses) checks() []telemetry.Check {
	var list []telemetry.Check
	for _, one := range p.list {
		list = append(list, telemetry.Check{Name: "budget " + one.name, Run: func(context.Context) error {
			if !one.book.ready() {
				return errTaken
			}
			return nil
		}})
	}
	return list
}
