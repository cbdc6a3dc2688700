package authz

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/filewatch"
)

// Rules are the rules in force. They can follow a file. They are safe for
// concurrent use.
type Rules struct {
	engine atomic.Pointer[Engine]
	state  atomic.Pointer[RulesState]
}

// RulesState describes the rules in force.
type RulesState struct {
	// File is the policy file. Empty: the rules have none.
	File string
	// Digest is the digest of the file that is in force, "sha256:" and hexadecimal
	// digits.
	Digest string
	// Rules is the number of rules.
	Rules int
	// Loaded is when they were put into force.
	Loaded time.Time
	// Err is the reason why the present content of the file is not in force, found at Failed. Nil: the
	// content is in force.
	Err    error
	Failed time.Time
}

// Fixed returns rules that never change.
func Fixed(e *Engine) *Rules {
	r := &Rules{}
	r.use(e, "")
	return r
}

// Reload is the result of reading a changed policy file.
type Reload struct {
	// Before is the digest of the rules in force. After is the digest of the file, "" if the file could not
	// be read.
	Before, After string
	// Err is the reason why the previous rules stay in force. Nil: the rules of the file are in force.
	Err error
}

// use puts the rules of an engine into force.
func (r *Rules) use(e *Engine, file string) {
	r.engine.Store(e)
	r.state.Store(&RulesState{File: file, Digest: e.digest, Rules: e.rules, Loaded: time.Now()})
}

// State returns the state of the rules in force.
func (r *Rules) State() RulesState { return *r.state.Load() }

// report notes the result of a reload.
func (r *Rules) report(err error) {
	now := *r.state.Load()
	now.Err, now.Failed = err, time.Time{}
	if err != nil {
		now.Failed = time.Now()
	}
	r.state.Store(&now)
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
				// Report compares the error, and Mistakes is not comparable.
				last.Err = fmt.Errorf("%w", inFile(name, err))
				return last.Err
			}
			r.use(engine, name)
			return nil
		},
		Report: func(err error) {
			if last == nil || last.Err != err { //nolint:errorlint // the same error, not one like it
				// The file cannot be read, or its content is in force again.
				last = &Reload{Before: r.Digest(), Err: err}
				if err == nil {
					last.After = last.Before
				}
			}
			r.report(err)
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

// Permissions lists the rights of a caller by the rules in force (see Engine.Permissions), and returns the
// digest of the policy file.
func (r *Rules) Permissions(p authn.Principal, from, most int) (list []Permission, next int, policy string) {
	e := r.engine.Load()
	list, next = e.Permissions(p, from, most)
	return list, next, e.digest
}

// Reaches reports whether a rule may allow a caller anything in an account (see
// Engine.Reaches).
func (r *Rules) Reaches(p authn.Principal, account string) bool {
	return r.engine.Load().Reaches(p, account)
}

// Decide answers one question with the rules in force.
func (r *Rules) Decide(q Question) Decision {
	e := r.engine.Load()
	d := e.decide(&q)
	d.Policy = e.digest
	return d
}
