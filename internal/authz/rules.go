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

// Reload is the result of reading a changed policy file.
type Reload struct {
	// Before is the digest of the rules in force, and After that of the content of
	// the file, "" if it could not be read.
	Before, After string
	// Err says why the rules before stay in force. Nil: those of the file are in
	// force.
	Err error
}

// Follow returns the rules of a file. The file must be valid at the start. When
// the file changes, the watcher puts the new rules into force. If they cannot
// be read or their tests fail, the old rules stay in force and told receives
// the error, once per error. told also hears when new rules are in force or an
// error is over.
func Follow(name string, files *filewatch.Watcher, told func(Reload)) (*Rules, error) {
	r := &Rules{}
	// The watcher calls Load and Report by turns, so they share the last result.
	var last *Reload
	_, err := files.Add(context.Background(), filewatch.FileGroup{
		Kind: "policy", Files: []string{name}, MaxBytes: maxFile,
		Load: func(contents [][]byte) error {
			last = &Reload{Before: r.Digest(), After: digestOf(contents[0])}
			engine, _, err := Parse(contents[0])
			if err != nil {
				last.Err = fmt.Errorf("%s: %w", name, err)
				return last.Err
			}
			r.engine.Store(engine)
			return nil
		},
		Report: func(err error) {
			if last == nil || last.Err != err { //nolint:errorlint // the same error, not one like it
				// The file cannot be read, or is again as what is in force.
				last = &Reload{Before: r.Digest(), Err: err}
				if err == nil {
					last.After = last.Before
				}
			}
			told(*last)
			last = nil
		},
	})
	return r, err
}

// Digest returns the digest of the policy file in force, "" without a file.
func (r *Rules) Digest() string {
	if e := r.engine.Load(); e != nil {
		return e.digest
	}
	return ""
}

// Decide answers one question with the rules in force.
func (r *Rules) Decide(q Question) Decision {
	e := r.engine.Load()
	d := e.Decide(q)
	d.Policy = e.digest
	return d
}
