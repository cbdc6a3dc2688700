package authz

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// Rules are the rules in force, which follow a file. They are safe for
// concurrent use.
type Rules struct {
	engine atomic.Pointer[Engine]
	name   string
	seen   stamp
}

// stamp recognises a file that was changed. Kubernetes swaps a symlink, which
// shows in all three.
type stamp struct {
	modified time.Time
	size     int64
	inode    os.FileInfo
}

// Fixed returns rules that never change.
func Fixed(e *Engine) *Rules {
	r := &Rules{}
	r.engine.Store(e)
	return r
}

// Follow returns the rules of a file, which must be good to begin with.
func Follow(name string) (*Rules, error) {
	r := &Rules{name: name}
	r.seen = r.look()
	engine, _, err := ReadFile(name)
	if err != nil {
		return nil, err
	}
	r.engine.Store(engine)
	return r, nil
}

// Decide answers one question by the rules in force.
func (r *Rules) Decide(q Question) Decision {
	e := r.engine.Load()
	d := e.Decide(q)
	d.Policy = e.digest
	return d
}

// Watch looks at the file every interval until ctx ends, and puts changed rules
// into force. Rules that cannot be read, or that fail their tests, are not: the
// ones before stay. told hears how each change went.
func (r *Rules) Watch(ctx context.Context, interval time.Duration, told func(error)) {
	if r.name == "" {
		return
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := r.reload(); !errors.Is(err, errUnchanged) {
				told(err)
			}
		}
	}
}

var errUnchanged = errors.New("the policy file has not changed")

func (r *Rules) reload() error {
	now := r.look()
	if now.equal(r.seen) {
		return errUnchanged
	}
	r.seen = now
	engine, _, err := ReadFile(r.name)
	if err != nil {
		return err
	}
	r.engine.Store(engine)
	return nil
}

// look takes the stamp of the file, which is empty where there is none.
func (r *Rules) look() stamp {
	info, err := os.Stat(r.name)
	if err != nil {
		return stamp{}
	}
	return stamp{modified: info.ModTime(), size: info.Size(), inode: info}
}

func (s stamp) equal(other stamp) bool {
	if s.inode == nil || other.inode == nil {
		return s.inode == nil && other.inode == nil
	}
	return s.modified.Equal(other.modified) && s.size == other.size && os.SameFile(s.inode, other.inode)
}
