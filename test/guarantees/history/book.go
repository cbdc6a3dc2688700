package history

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"platform.internal/storekeeper/test/guarantees/calls"
)

// Book records a history. It is safe for concurrent use.
type Book struct {
	began time.Time

	mu   sync.Mutex
	list []porcupine.Operation
}

// NewBook begins a history.
func NewBook() *Book { return &Book{began: time.Now()} }

// Now is the time on the clock of the history.
func (b *Book) Now() int64 { return int64(time.Since(b.began)) }

// Add records a call that a client began at a time and that has ended now. A
// change without a known result stays open for ever. Reads without a result,
// and calls that were never sent, are left out.
func (b *Book) Add(client int, began int64, in Input, out Output) {
	ended := b.Now()
	switch out.Verdict {
	case calls.Done, calls.Missing, calls.Taken:
	case calls.Unsent:
		return
	default:
		if in.Kind == Get || in.Kind == See || in.Kind == Look {
			return
		}
		ended = math.MaxInt64
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(b.list, porcupine.Operation{ClientId: client, Input: in, Call: began, Output: out, Return: ended})
}

// Counts says how many calls there are, and how many of them are open.
func (b *Book) Counts() (all, open int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.list {
		if o.Return == math.MaxInt64 {
			open++
		}
	}
	return len(b.list), open
}

// Check returns an error if the history is not linearizable, or if the check
// times out. It then writes a visualization to folder.
func (b *Book) Check(folder string, patience time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	result, info := porcupine.CheckOperationsVerbose(Model(), b.list, patience)
	if result == porcupine.Ok {
		return nil
	}
	said := "is not linearizable"
	if result == porcupine.Unknown {
		said = fmt.Sprintf("was not understood within %s", patience)
	}
	file := filepath.Join(folder, "history.html")
	if err := porcupine.VisualizePath(Model(), info, file); err != nil {
		return fmt.Errorf("the history of %d calls %s; it cannot be drawn: %w", len(b.list), said, err)
	}
	return fmt.Errorf("the history of %d calls %s; see %s\n%s", len(b.list), said, file, b.wrong())
}

// wrong describes the first part that is not linearizable, up to the offending
// call.
func (b *Book) wrong() string {
	for _, part := range byName(b.list) {
		if holds(part) {
			continue
		}
		slices.SortFunc(part, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
		at := sort.Search(len(part), func(i int) bool { return !holds(until(part, part[i].Return)) })
		if at == len(part) {
			continue
		}
		return text(until(part, part[at].Return))
	}
	return ""
}

func holds(part []porcupine.Operation) bool {
	return porcupine.CheckOperationsTimeout(Model(), part, time.Second) == porcupine.Ok
}

// until returns the history at a time: calls that had not ended are open.
func until(part []porcupine.Operation, now int64) []porcupine.Operation {
	var before []porcupine.Operation
	for _, o := range part {
		switch in := o.Input.(Input); {
		case o.Call > now:
			continue
		case o.Return <= now:
		case in.Kind == Get || in.Kind == See || in.Kind == Look:
			continue
		default:
			said := o.Output.(Output).Said
			o.Return, o.Output = math.MaxInt64, Output{Verdict: calls.Lost, Said: said}
		}
		before = append(before, o)
	}
	return before
}

// text returns the last calls of a history, one a line, sorted by their ends.
func text(part []porcupine.Operation) string {
	const most = 40
	var b strings.Builder
	for _, o := range part[max(0, len(part)-most):] {
		in, ended := o.Input.(Input), "-"
		if o.Return != math.MaxInt64 {
			ended = fmt.Sprintf("%.3f", float64(o.Return)/1e6)
		}
		fmt.Fprintf(&b, "%10.3f %10s ms, client %d: %s %s\n", float64(o.Call)/1e6, ended, o.ClientId, in.Name, describe(in, o.Output.(Output)))
	}
	return b.String()
}
