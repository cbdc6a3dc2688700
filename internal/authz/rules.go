package authz

import (
	"context"
	"fmt"
	"sync/atomic"

	"platform.internal/storekeeper/internal/filewatch"
)

// Rules are the rules in force. They can follow a file. They are safe for
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

// Follow returns the rules of a file. The file must be valid at the start. When
// the file changes, the watcher puts the new rules into force. If they cannot
// be read or their tests fail, the old rules stay in force and told receives
// the error, once per error. told receives nil when new rules are in force or
// an error is over.
func Follow(name string, files *filewatch.Watcher, told func(error)) (*Rules, error) {
	r := &Rules{}
	_, err := files.Add(context.Background(), filewatch.FileGroup{
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

// Decide answers one question with the rules in force.
func (r *Rules) Decide(q Question) Decision {
	e := r.engine.Load()
	d := e.Decide(q)
	d.Policy = e.digest
	return d
}
