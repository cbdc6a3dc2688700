// Package puts makes calls of storekeeper.v1.SecretService, and compares the
// answers with the final state.
package puts

import (
	"fmt"
	"maps"
	"sync"
	"time"
)

// Put is a secret that is put.
type Put struct{ Name, Value string }

// Told is the answer to a put: its outcome, or "" after a failure.
type Told struct{ Outcome string }

// Book records puts and their answers. It is safe for concurrent use.
type Book struct {
	mu   sync.Mutex
	puts map[string][]*noted
}

// noted is one put of one name.
type noted struct {
	value string
	// begun is before the first try, and ended after the answer. The last try
	// began at tried.
	begun, tried, ended time.Time
	outcome             string
}

// NewBook returns an empty book.
func NewBook() *Book { return &Book{puts: map[string][]*noted{}} }

// Op is a put of several names.
type Op struct {
	book *Book
	puts []*noted
}

// Begin notes puts that are about to be sent.
func (b *Book) Begin(list []Put) *Op {
	b.mu.Lock()
	defer b.mu.Unlock()
	op := &Op{book: b}
	for _, p := range list {
		n := &noted{value: p.Value, begun: time.Now(), tried: time.Now()}
		b.puts[p.Name] = append(b.puts[p.Name], n)
		op.puts = append(op.puts, n)
	}
	return op
}

// Told records an answer, and reports whether every put of the operation is
// acknowledged. Otherwise the whole operation is repeated.
func (o *Op) Told(answer []Told) bool {
	o.book.mu.Lock()
	defer o.book.mu.Unlock()
	now := time.Now()
	all := len(answer) == len(o.puts)
	for i := range answer {
		all = all && answer[i].Outcome != ""
	}
	for i, n := range o.puts {
		if !all {
			n.tried = now
			continue
		}
		n.ended, n.outcome = now, answer[i].Outcome
	}
	return all
}

// Acknowledged is the number of puts that were acknowledged.
func (b *Book) Acknowledged() int {
	n := 0
	for _, count := range b.Outcomes() {
		n += count
	}
	return n
}

// Outcomes counts the acknowledged puts by their outcomes.
func (b *Book) Outcomes() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[string]int{}
	for _, list := range b.puts {
		for _, n := range list {
			if !n.ended.IsZero() {
				all[n.outcome]++
			}
		}
	}
	return all
}

// Check returns the violations: a name without the value of a possible last put,
// an answer UNCHANGED for a value that the secret cannot have had, and a name
// that was created twice.
func (b *Book) Check(valueOf func(name string) (string, bool)) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var wrong []string
	for name, list := range maps.All(b.puts) {
		value, exists := valueOf(name)
		if !exists || !possible(list, value, time.Time{}, time.Now()) {
			wrong = append(wrong, fmt.Sprintf("%s has the value %q (%t), which no put that can be the last has set", name, value, exists))
		}
		created := 0
		for _, n := range list {
			if n.outcome == "CREATED" {
				created++
			}
			if n.outcome == "UNCHANGED" && !possible(list, n.value, n.tried, n.ended) {
				wrong = append(wrong, fmt.Sprintf("%s was said to be unchanged, and cannot have had the value %q then", name, n.value))
			}
		}
		if created > 1 {
			wrong = append(wrong, fmt.Sprintf("%s was said to be created %d times", name, created))
		}
	}
	return wrong
}

// possible reports whether a secret can have had a value at some moment from
// then to now. A put takes effect between its first attempt and its answer.
// then is zero for the end, after all puts.
func possible(list []*noted, value string, then, now time.Time) bool {
	if then.IsZero() {
		then = now
	}
	for _, set := range list {
		if set.value == value && set.begun.Before(now) && !overwritten(list, set, then) {
			return true
		}
	}
	return false
}

// overwritten reports whether a put was certainly overwritten before a moment: a
// put of another value began after its end, and ended before the moment.
func overwritten(list []*noted, set *noted, before time.Time) bool {
	for _, other := range list {
		if other.value != set.value && !set.ended.IsZero() && !other.ended.IsZero() && other.outcome != "UNCHANGED" &&
			other.tried.After(set.ended) && other.ended.Before(before) {
			return true
		}
	}
	return false
}
