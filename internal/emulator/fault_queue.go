package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"sync"
	"time"
)

// maxFaults is the maximum number of pending faults.
const maxFaults = 10_000

// faults are the pending faults in the order of their arrival.
type faults struct {
	random  func() float64
	mu      sync.Mutex
	waiting []Fault
}

// add adds all of the faults or none.
func (q *faults) add(wanted []Fault) error {
	var mistakes []error
	for i, f := range wanted {
		if err := f.check(); err != nil {
			mistakes = append(mistakes, fmt.Errorf("fault %d: %w", i, err))
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting)+len(wanted) > maxFaults {
		mistakes = append(mistakes, fmt.Errorf("at most %d faults can wait", maxFaults))
	}
	if len(mistakes) > 0 {
		return errors.Join(mistakes...)
	}
	q.waiting = append(q.waiting, wanted...)
	return nil
}

func (q *faults) clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = nil
}

func (q *faults) list() []Fault {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.waiting)
}

// plan holds the faults of a request.
type plan struct {
	before time.Duration
	after  time.Duration
	lag    time.Duration
	eraA   bool
	// decided is the fault that determines the answer. Nil: none.
	decided *Fault
}

func (p *plan) add(f Fault) {
	if f.AfterCommit {
		p.after += f.Delay
	} else {
		p.before += f.Delay
	}
	p.lag = max(p.lag, f.Lag)
	p.eraA = p.eraA || f.Kind == KindEraA
	if f.decides() {
		p.decided = &f
	}
}

// take removes and returns the faults that apply to a request.
func (q *faults) take(c *apiCall) plan {
	q.mu.Lock()
	defer q.mu.Unlock()
	var p plan
	left := q.waiting[:0]
	for _, f := range q.waiting {
		if p.decided != nil || !f.matches(c) || !q.strikes(f) {
			left = append(left, f)
			continue
		}
		p.add(f)
		if f.Times != 1 {
			f.Times = max(f.Times-1, 0)
			left = append(left, f)
		}
	}
	clear(q.waiting[len(left):])
	q.waiting = left
	return p
}

func (q *faults) strikes(f Fault) bool {
	return f.Probability == 0 || q.random() < f.Probability
}

func (f Fault) matches(c *apiCall) bool {
	switch {
	case f.Kind == KindLag && c.method != http.MethodGet,
		f.Kind == KindEraA && c.operationID() != createStoreID,
		f.Method != "" && f.Method != c.method,
		f.Operation != "" && f.Operation != c.operationID():
		return false
	}
	if f.Path == "" {
		return true
	}
	// The pattern was checked by add.
	ok, err := path.Match(f.Path, c.path)
	return ok && err == nil
}
