package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
)

// entry is what a passbook says.
type entry struct {
	// Spent is what was spent then.
	Spent []budget.Spent `json:"spent,omitempty"`
	// Ahead is how much may have been spent since.
	Ahead int `json:"ahead"`
	// Refused is until when Cloudflare takes no calls.
	Refused time.Time `json:"refused,omitzero"`
}

// open takes over the book of a seat, and what the books of others say of
// refusals.
func (b *passbook) open(ctx context.Context, e *engine, p purse, c config.Budget, seat int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept, b.purse, b.step = e.state, p, max(1, p.State().Limit/bookStep)
	b.key, b.holder, b.seatKey = b.bookOf(seat), "", ""
	if e.state.shared != nil {
		b.holder, b.seatKey = e.replica, b.seatOf(seat)
	}
	keys := make([]string, max(1, c.Replicas))
	for i := range keys {
		keys[i] = b.bookOf(i)
	}
	found, err := b.kept.Get(ctx, keys...)
	if err != nil {
		return err
	}
	own := found[b.key]
	if len(own.Value) == 0 && !e.lived {
		if own, err = b.first(ctx, keys); err != nil {
			return err
		}
	}
	if !b.takeOver(own.Value, c.Window) {
		e.log.Warn("it is not known what earlier lives spent of the budget, so all of it counts as spent for one window",
			zap.String("budget", b.name), zap.Duration("window", c.Window))
	}
	for _, other := range found {
		b.block(other.Value)
	}
	if err := b.write(ctx, b.step); err != nil {
		return err
	}
	b.opened = true
	return nil
}

// first begins the books of all seats where there is no book of any budget: such
// records are new, so that nobody can have spent anything. It gives the book of
// the own seat, if there is one by now.
func (b *passbook) first(ctx context.Context, keys []string) (records.Entry, error) {
	err := b.kept.Scan(ctx, "book/", func(string, records.Entry) error { return errFound })
	switch {
	case errors.Is(err, errFound):
		found, err := b.kept.Get(ctx, b.key)
		return found[b.key], err
	case err != nil:
		return records.Entry{}, err
	}
	var own records.Entry
	err = b.kept.Change(ctx, keys, func(now map[string]records.Entry) (map[string]*records.Entry, error) {
		begun := map[string]*records.Entry{}
		for _, key := range keys {
			if _, there := now[key]; !there {
				begun[key] = &records.Entry{Value: []byte("{}")}
			}
		}
		own = now[b.key]
		if e := begun[b.key]; e != nil {
			own = *e
		}
		return begun, nil
	})
	return own, err
}

// takeOver counts what an earlier life spent. No entry, or one that cannot be
// read, may mean that all was; it is false then.
func (b *passbook) takeOver(text []byte, window time.Duration) bool {
	var before entry
	known := json.Unmarshal(text, &before) == nil
	if !known {
		before = entry{Ahead: b.purse.State().Limit}
	}
	b.purse.Spend(before.Spent)
	b.purse.Spend([]budget.Spent{{Until: time.Now().Add(window), Turns: before.Ahead}})
	if before.Refused.After(time.Now()) {
		b.purse.refusedUntil(before.Refused.UnixNano())
	}
	return known
}

// block stops calls until an entry says that Cloudflare takes them again.
func (b *passbook) block(text []byte) {
	var of entry
	if json.Unmarshal(text, &of) != nil {
		return
	}
	if d := time.Until(of.Refused); d > 0 {
		b.purse.Block(min(d, time.Hour))
	}
}

// note counts a turn that is about to be used. Now and then it writes, before
// the turn is used. A turn that cannot be written down is not used: a later life
// would spend it again.
func (b *passbook) note(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.opened {
		return unaccounted(errUnknown)
	}
	if b.left == 0 {
		if time.Now().Before(b.again) {
			return unaccounted(errUnknown)
		}
		if err := b.write(ctx, b.step); err != nil {
			b.again = time.Now().Add(time.Second)
			return unaccounted(err)
		}
	}
	b.left--
	return nil
}

func unaccounted(because error) error {
	f := fault.New(fault.Unavailable, "BUDGET_UNKNOWN",
		"The call was not sent, since Storekeeper cannot write down now how much of the call budget is spent.")
	f.RetryAfter = time.Second
	return f.Because(because)
}

// keepRefusal writes down until when Cloudflare takes no calls, before anybody
// hears of it. Where that fails, the next call has to write first.
func (b *passbook) keepRefusal(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.opened || b.purse.refused.Load() < b.refused+int64(time.Second) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refusalLimit)
	defer cancel()
	if b.write(ctx, b.left) != nil {
		b.left = 0
	}
}

// close writes the last entry, after which nothing is spent.
func (b *passbook) close(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.opened {
		return nil
	}
	return b.write(ctx, 0)
}

// write makes an entry, unless another replica has the seat by now. The caller
// holds the lock.
func (b *passbook) write(ctx context.Context, ahead int) error {
	refused := b.purse.refused.Load()
	text, err := json.Marshal(entry{Spent: b.purse.Spent(), Ahead: ahead, Refused: time.Unix(0, refused)})
	if err != nil {
		return err
	}
	keys := []string{b.key}
	if b.seatKey != "" {
		keys = append(keys, b.seatKey)
	}
	err = b.kept.Change(ctx, keys, func(now map[string]records.Entry) (map[string]*records.Entry, error) {
		changes := map[string]*records.Entry{b.key: {Value: text}}
		if b.seatKey == "" {
			return changes, nil
		}
		if had, taken := now[b.seatKey]; taken && string(had.Value) != b.holder {
			return nil, errTaken
		}
		changes[b.seatKey] = &records.Entry{Value: []byte(b.holder), Expires: time.Now().Add(seatLife)}
		return changes, nil
	})
	if err == nil {
		b.left, b.refused = ahead, refused
	}
	return err
}
