package authz

import (
	"context"
	"fmt"
	"sync/atomic"

	"platform.internal/storekeeper/internal/filewatch"
)

// Rules are the rules in force, which follow a file. They are safe for
// concurrent use.
type Rules struct {
	engine atomic.Pointer[Engine]
}

// Fixed returns rules that never change.
func Fixed(e *Engine) *Rules {
	r := &Rules{}
	r.engine.Store(e)
	return r
}

// Follow returns the rules of a file, which must be good to begin with. When the
// file changes, the watcher puts the changed rules into force. Rules that cannot
// be read, or that fail their tests, are not: those before stay, and told hears
// why, once. It hears nil when changed rules are in force and when a failure is
// over.
func Follow(name string, files *filewatch.Watcher, told func(error)) (*Rules, error) {
	r := &Rules{}
	_, err := files.Add(context.Background(), filewatch.Group{
		Kind: "policy", Files: []string{name}, MaxBytes: maxFile, Report: told,
		Load: func(contents [][]byte) error {
			engine, _, err := Parse(contents[0])
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			r.engine.Store(engine)
			return nil
		},
	})
	return r, err
}

// Decide answers one question by the rules in force.
func (r *Rules) Decide(q Question) Decision {
	e := r.engine.Load()
	d := e.Decide(q)
	d.Policy = e.digest
	return d
}
