package bolt

import (
	"errors"
	"fmt"
	"sync"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
)

var errLeft = errors.New("the caller has left")

// change is one call of Change on its way through the writer.
type change struct {
	keys []string
	// done takes what the caller gets, once.
	done chan error
	// err is what decide said.
	err error

	// mu is held while decide runs, so that no caller leaves under it.
	mu     sync.Mutex
	left   bool
	decide records.Decide
}

// leave says that nobody waits any more. When it returns, decide is not running
// and will not be asked again.
func (c *change) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = true
}

// outcome is what became of the change, or err where nothing is known.
func (c *change) outcome(err error) error {
	select {
	case known := <-c.done:
		return known
	default:
		return err
	}
}

// ask asks decide. Its panic is an error of this change, since the writer
// serves others too.
func (c *change) ask(now map[string]records.Entry) (changes map[string]*records.Entry, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left {
		return nil, errLeft
	}
	defer func() {
		if p := recover(); p != nil {
			changes, err = nil, fault.From(fmt.Errorf("records: decide panicked: %v", p))
		}
	}()
	return c.decide(now)
}

// changes is what decide wants, nothing where it refuses or is mistaken, which
// is kept for the caller.
func (c *change) changes(now map[string]records.Entry) map[string]*records.Entry {
	changes, err := c.ask(now)
	if err == nil {
		err = records.CheckChanges(c.keys, changes)
	}
	if err == nil {
		err = checkSize(changes)
	}
	if c.err = err; err != nil {
		return nil
	}
	return changes
}
