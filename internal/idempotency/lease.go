package idempotency

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/fields"
)

// lease tracks whether other replicas must consider this replica alive.
type lease struct {
	alone bool
	span  time.Duration

	mu sync.Mutex
	// beat is the start of the last successful renewal.
	beat time.Time
	// epoch counts restarts of the heartbeat. Another replica may have taken over intents of an earlier
	// epoch.
	epoch uint64
	over  bool
}

func newLease(c Config) *lease { return &lease{alone: c.Alone, span: c.Lease} }

// hold returns a function that reports whether the lease has been held without a gap since the call of hold.
func (l *lease) hold() func() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	epoch := l.epoch
	return func() bool { return l.holds(epoch) }
}

// holds returns false from 3/4 of the lease, so that this replica sends nothing while another takes over.
func (l *lease) holds(epoch uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return false
	}
	return l.alone || epoch == l.epoch && !l.beat.IsZero() && age(l.beat) < l.span*3/4
}

// age includes the time for which the machine was suspended, which either the monotonic or the wall clock may
// omit.
func age(t time.Time) time.Duration {
	return max(time.Since(t), time.Now().Round(0).Sub(t.Round(0)))
}

// renewed notes a successful renewal that began at t.
func (l *lease) renewed(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.beat = t
}

// lapsed notes that the heartbeat record was missing. It reports whether an earlier heartbeat had been
// written.
func (l *lease) lapsed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch++
	return !l.beat.IsZero()
}

func (l *lease) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
}

// beat renews the heartbeat once.
func (k *Coordinator) beat(ctx context.Context, lazy ...store.Lazy) error {
	ctx, cancel := context.WithTimeout(ctx, k.config.Lease/heartbeatsPerLease)
	defer cancel()
	began, key := time.Now(), replicaPrefix+k.config.Replica
	var fresh atomic.Bool
	err := k.config.Store.Commit(ctx, []string{key}, func(now map[string]store.Record) (store.Changes, error) {
		if _, alive := now[key]; !alive {
			fresh.Store(true)
		}
		return store.Changes{Records: map[string]*store.Record{key: until(fields.Begin(recordVersion, 1), k.config.Lease)}}, nil
	}, lazy...)
	// This also applies after an error: the commit may have succeeded, and then the next renewal would not
	// see the gap.
	if fresh.Load() && k.lease.lapsed() {
		k.observe(Event{Kind: EventLapsed, Err: err})
	}
	if err == nil {
		k.lease.renewed(began)
	}
	return err
}

// keepAlive renews the heartbeat until the Coordinator ends.
func (k *Coordinator) keepAlive(err error) {
	defer k.behind.Done()
	regular := k.config.Lease / heartbeatsPerLease
	for {
		delay := regular
		if err != nil {
			delay = min(regular/heartbeatsPerLease, time.Second)
		}
		if pause(k.life, delay) != nil {
			return
		}
		var lazy []store.Lazy
		if err == nil {
			lazy = []store.Lazy{store.Lazy(k.config.Lease / lazyPart)}
		}
		err = k.beat(k.life, lazy...)
	}
}

// deleteHeartbeat deletes the heartbeat, so that other replicas need not wait for the lease to expire.
func (k *Coordinator) deleteHeartbeat(ctx context.Context) error {
	key := replicaPrefix + k.config.Replica
	return k.change(ctx, []string{key}, func(map[string]store.Record) (map[string]*store.Record, error) {
		return map[string]*store.Record{key: nil}, nil
	})
}
