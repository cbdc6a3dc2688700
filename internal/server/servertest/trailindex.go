package servertest

import (
	"context"
	"slices"
	"sync"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// index finds changes in a Trail by a linear scan. It keeps records that Written has returned.
type index struct {
	trail *Trail
	chain *audit.Chain

	mu    sync.Mutex
	seen  int
	lines [][]byte
	rows  []audit.Row
	// keys are the keys of the rows. open holds the rows of intents without an outcome.
	keys [][]audit.Key
	open map[string]int
}

func newIndex(t *Trail) *index {
	return &index{trail: t, chain: audit.NewChain(nil, audit.NewOrigin(nil), audit.Place{}), open: map[string]int{}}
}

// CatchUp adds the records written since the last call.
func (x *index) CatchUp(context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, r := range x.trail.indexed(x.seen) {
		x.seen++
		line, err := x.chain.Append(nil, r, time.Now())
		if err != nil {
			return err
		}
		x.lines = append(x.lines, line[:len(line)-1])
		at := audit.Location{Seq: uint64(len(x.lines))}
		switch r.Kind {
		case audit.KindIntent:
			x.open[r.ID] = len(x.rows)
			x.rows, x.keys = append(x.rows, audit.Row{Position: at.Seq, Intent: at}), append(x.keys, audit.AppendKeys(nil, &r))
		case audit.KindOutcome:
			if i, known := x.open[r.ID]; known {
				delete(x.open, r.ID)
				x.rows[i].Outcome, x.keys[i] = at, audit.AppendKeys(x.keys[i], &r)
			}
		default:
		}
	}
	return nil
}

// Rows returns the changes with a key, newest first, each at the position of the intent.
func (x *index) Rows(_ context.Context, key audit.Key, before uint64, limit int) (found []audit.Row, _ error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, row := range slices.Backward(x.rows) {
		if (before == 0 || row.Position < before) && len(found) < limit && slices.Contains(x.keys[i], key) {
			found = append(found, row)
		}
	}
	return found, nil
}

// Lines returns lines.
func (x *index) Lines(_ context.Context, at []audit.Location) ([][]byte, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	lines := make([][]byte, len(at))
	for i, l := range at {
		lines[i] = x.lines[l.Seq-1]
	}
	return lines, nil
}
