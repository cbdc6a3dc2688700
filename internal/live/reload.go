package live

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// load puts new content of a file in force, or returns an error. A mistake in one file must not block a
// change of the other file. Content is first tried with the content of the other file in force, and then with
// the refused content of the other file, since both may be valid only together.
func (r *Reloader) load(f *watchedFile, content []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.started {
		f.inForce, f.loaded = content, time.Now()
		return nil
	}
	other := r.callers
	if f == r.callers {
		other = r.main
	}
	switch err := r.try(f, content, other.inForce); {
	case bytes.Equal(content, f.inForce):
		// The content was put in force together with the other file.
	case err == nil:
		r.taken(f, content)
	case other.refused != nil && r.try(f, content, other.refused) == nil:
		r.taken(f, content)
		r.taken(other, other.refused)
	default:
		f.refused = content
		return &refusal{error: err, digest: digest(content)}
	}
	f.refused = nil
	return nil
}

// refusal is the error of content that cannot be put in force.
type refusal struct {
	error

	digest string
}

// Unwrap returns the reason.
func (r *refusal) Unwrap() error { return r.error }

// try puts the content of a file in force together with that of the other file.
func (r *Reloader) try(f *watchedFile, content, other []byte) error {
	switch {
	case bytes.Equal(content, f.inForce):
		return nil
	case f == r.main:
		return r.put(content, other)
	default:
		return r.put(other, content)
	}
}

// put puts the contents of both files in force, or returns why they cannot be and
// changes nothing.
func (r *Reloader) put(main, callers []byte) error {
	next, err := r.c.Running.Reparse(main, callers, r.current.Callers)
	if err == nil {
		err = next.CheckNewFiles(r.current)
	}
	if err == nil {
		err = r.c.Apply(next)
	}
	if err == nil {
		r.current = next
	}
	return err
}

// taken notes and reports that content of a file is in force.
func (r *Reloader) taken(f *watchedFile, content []byte) {
	e := Reload{Kind: f.kind, File: f.name, Before: digest(f.inForce), After: digest(content), Restart: r.current.NeedRestart(r.c.Running)}
	f.inForce, f.loaded, f.refused, f.fresh = content, time.Now(), nil, true
	r.c.Report(e)
}

// report passes on a report of the watcher: a failure, or nil for new content in force and for the end of a
// failure.
func (r *Reloader) report(f *watchedFile, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := Reload{Kind: f.kind, File: f.name, Before: digest(f.inForce), Err: err}
	if refused, ok := errors.AsType[*refusal](err); ok {
		e.After, e.Err = refused.digest, refused.error
		r.c.Report(e)
		return
	}
	fresh := f.fresh
	f.refused, f.fresh = nil, false
	if err == nil && fresh {
		return
	}
	if err == nil {
		e.After, e.Restart = e.Before, r.current.NeedRestart(r.c.Running)
	}
	r.c.Report(e)
}

// Status returns the state of each watched file.
func (r *Reloader) Status() []FileStatus {
	var all []FileStatus
	for _, f := range r.files() {
		// The watcher holds its lock while it calls load and report, so r must not hold its own lock here.
		failure := f.watch.Failure()
		r.mu.Lock()
		all = append(all, FileStatus{
			Kind: f.kind, File: f.name, Digest: digest(f.inForce), Loaded: f.loaded, Failure: failure,
			Restart: r.current.NeedRestart(r.c.Running),
		})
		r.mu.Unlock()
	}
	return all
}

// digest returns the digest of content.
func digest(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }
