package suite

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"platform.internal/storekeeper/test/bench/client"
	"platform.internal/storekeeper/test/bench/figure"
	"platform.internal/storekeeper/test/bench/load"
	"platform.internal/storekeeper/test/bench/stage"
)

// StartKept is the measurement of starting with much that was kept.
const StartKept = "kept/start"

// WithKept names the measurement of creates with so many kept answers.
func WithKept(count int) string { return fmt.Sprintf("kept/%d", count) }

// WithNoneKept names the measurement of creates without kept answers, in turn with WithKept.
func WithNoneKept(count int) string { return fmt.Sprintf("kept/%d/none", count) }

// WithKept returns the options with at most this many kept answers. The
// measurement of starts has 350,000 of 400,000, and a million records in the
// trail.
func (o Options) WithKept(most int) Options {
	o.Kept = []int{most / 2, most}
	o.KeptAtStart = most / 8 * 7
	o.Records = most * 5 / 2
	return o
}

// keepers is the number of callers that create the kept answers: enough to use
// the processors, and enough to share syncs.
const keepers = 64

// atOnce is the number of changes before the upstream restarts, so that its
// state does not grow without bound.
const atOnce = 50_000

// keptState is a state folder of Storekeeper with kept answers.
type keptState struct {
	suite  *Suite
	folder string
	count  int
	// changes counts all changes, including changes without a key. Each change
	// has two records in the trail.
	changes int
	// key and store are the key of the first change and its store, to check that the answer is kept.
	key, store string
}

// keptAnswers is the case of many kept answers. They are created by changes of
// callers through Storekeeper, each with a key.
func (s *Suite) keptAnswers(ctx context.Context) error {
	folder, err := s.stage.Folder()
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	k := &keptState{suite: s, folder: folder}
	steps := map[int]bool{s.options.KeptAtStart: true}
	for _, count := range s.options.Kept {
		steps[count] = true
	}
	for _, count := range slices.Sorted(maps.Keys(steps)) {
		if err := k.fill(ctx, count); err != nil {
			return err
		}
		if count == s.options.KeptAtStart {
			if err := k.starts(ctx); err != nil {
				return err
			}
		}
		if slices.Contains(s.options.Kept, count) {
			if err := k.creates(ctx, count); err != nil {
				return err
			}
		}
	}
	return nil
}

// settings returns the settings of a world that continues from the last world.
func (k *keptState) settings() stage.Settings { return stage.Settings{Folder: k.folder} }

// fill makes changes with a key until so many answers are kept.
func (k *keptState) fill(ctx context.Context, count int) error {
	for k.count < count {
		more := min(count-k.count, atOnce)
		if err := k.change(ctx, more, true); err != nil {
			return err
		}
		k.count += more
	}
	return k.check(ctx)
}

// change makes so many changes.
func (k *keptState) change(ctx context.Context, count int, keyed bool) error {
	s := k.suite
	began := time.Now()
	err := s.at(ctx, stage.Storekeeper, k.settings(), keepers, func(_ *stage.World, c *client.REST) error {
		c.Keyless = !keyed
		if k.key == "" {
			var err error
			k.key = "the-first-that-is-kept"
			if k.store, err = c.NamedStore(ctx, k.key, 0); err != nil {
				return err
			}
			count--
		}
		p := load.Plan{Workers: keepers, Length: time.Hour, Limit: count}
		if r := load.Closed(ctx, p, c.CreateStore); r.Done != count {
			return fmt.Errorf("only %d of %d changes could be made: %w", r.Done, count, r.Bad())
		}
		return nil
	})
	k.changes += count
	s.say("kept: %d changes more, %d with a key, took %s", count, k.count, time.Since(began).Round(100*time.Millisecond))
	return err
}

// check sees that the first answer is still kept: the upstream is another by now,
// so that a store with the same identifier can come from nowhere else.
func (k *keptState) check(ctx context.Context) error {
	return k.suite.at(ctx, stage.Storekeeper, k.settings(), 1, func(_ *stage.World, c *client.REST) error {
		store, err := c.NamedStore(ctx, k.key, 0)
		if err == nil && store != k.store {
			err = fmt.Errorf("the first change gets store %s where it got %s: its answer is not kept", store, k.store)
		}
		return err
	})
}

// creates measures creates with and without kept answers, in turn.
func (k *keptState) creates(ctx context.Context, count int) error {
	s := k.suite
	for s.round = range s.options.Rounds {
		runs := []struct {
			name string
			set  stage.Settings
		}{{WithKept(count), k.settings()}, {WithNoneKept(count), stage.Settings{}}}
		for i := range runs {
			r := runs[(i+s.round)%len(runs)]
			err := s.at(ctx, stage.Storekeeper, r.set, s.middle(), func(w *stage.World, c *client.REST) error {
				_, err := s.measure(ctx, w, run{name: r.name, plan: s.plan(s.middle()), call: c.CreateStore})
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return k.check(ctx)
}

// starts fills the trail by changes without a key and measures how long a start
// takes.
func (k *keptState) starts(ctx context.Context) error {
	const recordsEach = 2
	s := k.suite
	for k.changes*recordsEach < s.options.Records {
		if err := k.change(ctx, min(s.options.Records/recordsEach-k.changes+1, atOnce), false); err != nil {
			return err
		}
	}
	for range s.options.Starts {
		w, err := s.stage.Start(ctx, stage.Storekeeper, k.settings())
		if err != nil {
			return err
		}
		s.book.Add(StartKept, stage.Storekeeper, Ready, figure.Milliseconds(w.Process.ToReady))
		resident, err := w.Process.Resident()
		w.Stop()
		if err != nil {
			return err
		}
		s.book.Add(StartKept, stage.Storekeeper, Resident, resident)
	}
	return k.check(ctx)
}
