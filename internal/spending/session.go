package spending

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/store"
)

// Each replica has one lease for its partitions of all budgets. It renews the lease by incrementing a number
// in a record. The protocol compares no clocks: a replica considers the lease of another ended if the record
// has not changed for takeOverAfter. A replica stops spending leaseLife after the start of its last
// successful renewal, at least a second before any other replica can take its partitions over.
const (
	leaseLife     = 6 * time.Second
	takeOverAfter = 8 * time.Second
	// renewEvery is the period of renewals when there is no demand to publish. Such a renewal may wait up to
	// lazy to share the commit of another write.
	renewEvery = 2 * time.Second
	lazy       = time.Second
	// scanEvery is the period of scans for the sessions of all replicas when idle. Between scans, a renewal
	// reads only the known sessions.
	scanEvery = 15 * time.Second

	sessionPrefix = "budget/session/"
	// numberKey is the record of the number of the last session.
	numberKey = "budget/number"
)

var (
	errUnknown = errors.New("what is spent of the budget is not known, since the records cannot be reached")
	errLost    = errors.New("other replicas have taken the partitions of the budgets over")
	errEnded   = errors.New("the lease of the partitions of the budgets could not be renewed")
)

// session is the record of the lease of a replica.
type session struct {
	// Owner is a random name of the process. Numbers alone are not unique, because an emptied store restarts
	// them.
	Owner string `json:"owner"`
	// Beat counts the renewals.
	Beat int64 `json:"beat"`
	// Wants is the demand of the replica by budget. A missing budget means no demand.
	Wants map[string]demand `json:"wants,omitempty"`
	// Refused holds the times until which Cloudflare refuses calls, by budget, as told to that replica.
	Refused map[string]time.Time `json:"refused,omitempty"`
}

// lease is the lease of the own partitions.
type lease struct {
	mu sync.Mutex
	// number is the fencing token. Each session has a higher number than all earlier sessions. 0 means no
	// session.
	number int64
	// until is the end of the lease. It is ignored if alone is set.
	until time.Time
	alone bool
}

// held returns an error if spending is forbidden.
func (l *lease) held() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.number == 0:
		return errUnknown
	case !l.alone && !time.Now().Before(l.until):
		return errEnded
	}
	return nil
}

func (l *lease) set(number int64, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.number, l.until = number, until
}

// peer is another replica.
type peer struct {
	session

	// since is the time at which the current state of the record was first seen.
	since time.Time
}

func sessionKey(number int64) string { return sessionPrefix + fmt.Sprintf("%016d", number) }

// renew renews the lease, or begins a session if there is none. It also reads the known sessions. whole says
// that no session has begun since the last renewal.
func (b *Budgets) renew(ctx context.Context, wants map[string]demand, wait store.Lazy) (seen map[int64]session, whole bool, err error) {
	begun := time.Now()
	if b.number == 0 {
		number, err := b.nextNumber(ctx)
		if err != nil {
			return nil, false, err
		}
		b.number, b.beat, b.joined = number, 0, false
	}
	text, err := json.Marshal(session{Owner: b.owner, Beat: b.beat + 1, Wants: wants, Refused: b.refusals()})
	if err != nil {
		return nil, false, err
	}
	key := sessionKey(b.number)
	keys := []string{key, numberKey}
	for number := range b.peers {
		keys = append(keys, sessionKey(number))
	}
	var records map[string]store.Record
	err = b.cfg.Store.Commit(ctx, keys, func(now map[string]store.Record) (store.Changes, error) {
		if _, there := now[key]; (there || b.joined) && !b.owns(now[key].Value) {
			return store.Changes{}, errLost
		}
		records = now
		return store.Changes{Records: map[string]*store.Record{key: {Value: text}}}, nil
	}, wait)
	if err != nil {
		return nil, false, err
	}
	b.beat, b.joined, b.lived, b.renewed, b.told = b.beat+1, true, true, begun, wants
	b.lease.set(b.number, begun.Add(leaseLife))
	last := string(records[numberKey].Value)
	whole = last == b.last
	b.last = last
	delete(records, numberKey)
	seen, err = sessions(records)
	return seen, whole, err
}

// sessions decodes session records.
func sessions(records map[string]store.Record) (map[int64]session, error) {
	seen := map[int64]session{}
	for key, e := range records {
		number, err := strconv.ParseInt(strings.TrimPrefix(key, sessionPrefix), 10, 64)
		var s session
		if err = errors.Join(err, json.Unmarshal(e.Value, &s)); err != nil {
			return nil, store.Damaged(err)
		}
		seen[number] = s
	}
	return seen, nil
}

// owns reports whether text is the record of the own session.
func (b *Budgets) owns(text []byte) bool {
	var s session
	return json.Unmarshal(text, &s) == nil && s.Owner == b.owner
}

// nextNumber allocates the number of a new session. The first session creates the tables of all budgets with
// nothing spent, because the store is new.
func (b *Budgets) nextNumber(ctx context.Context) (int64, error) {
	keys := []string{numberKey}
	for _, one := range b.list {
		keys = append(keys, one.tableKey())
	}
	var number int64
	err := b.cfg.Store.Commit(ctx, keys, func(now map[string]store.Record) (store.Changes, error) {
		changes := map[string]*store.Record{}
		last, there := now[numberKey]
		number = 1
		if there {
			n, err := strconv.ParseInt(string(last.Value), 10, 64)
			if err != nil {
				return store.Changes{}, store.Damaged(err)
			}
			number = n + 1
		}
		changes[numberKey] = &store.Record{Value: strconv.AppendInt(nil, number, 10)}
		if there || b.lived {
			return store.Changes{Records: changes}, nil
		}
		text, err := json.Marshal(table{Calls: b.cfg.Calls, Vacant: lot{Slots: b.cfg.Calls}})
		if err != nil {
			return store.Changes{}, err
		}
		for _, key := range keys[1:] {
			if _, there := now[key]; !there {
				changes[key] = &store.Record{Value: text}
			}
		}
		return store.Changes{Records: changes}, nil
	})
	return number, err
}

// scan reads the sessions of all replicas.
func (b *Budgets) scan(ctx context.Context) (map[int64]session, error) {
	records := map[string]store.Record{}
	err := b.cfg.Store.Scan(ctx, sessionPrefix, func(key string, e store.Record) error {
		records[key] = e
		return nil
	})
	if err != nil {
		return nil, err
	}
	b.searched = time.Now()
	return sessions(records)
}

// see updates the peers from the sessions and ends expired sessions.
func (b *Budgets) see(ctx context.Context, seen map[int64]session) error {
	now := time.Now()
	// During an outage of the store no replica could renew its lease.
	away := now.Sub(b.scanned) > takeOverAfter/2
	b.scanned = now
	peers := map[int64]*peer{}
	for number, s := range seen {
		if number == b.number {
			continue
		}
		p := &peer{session: s, since: now}
		if had := b.peers[number]; had != nil && had.Beat == s.Beat && !away {
			p.since = had.since
		}
		peers[number] = p
	}
	b.peers = peers
	return b.depose(ctx, now)
}

// depose deletes the sessions of replicas whose lease has ended. From then on such a replica can write
// nothing, and others may inherit its partitions.
func (b *Budgets) depose(ctx context.Context, now time.Time) error {
	for number, p := range b.peers {
		if !b.lease.alone && now.Sub(p.since) < takeOverAfter {
			continue
		}
		key := sessionKey(number)
		err := b.cfg.Store.Commit(ctx, []string{key}, func(now map[string]store.Record) (store.Changes, error) {
			var s session
			if e, there := now[key]; !there || json.Unmarshal(e.Value, &s) == nil && s.Beat != p.Beat {
				return store.Changes{}, nil
			}
			return store.Changes{Records: map[string]*store.Record{key: nil}}, nil
		})
		if err != nil {
			return err
		}
		delete(b.peers, number)
		if !b.lease.alone {
			b.cfg.Log.Info("a replica has not renewed its lease, so others take its partitions of the budgets over", zap.Int64("session", number))
		}
	}
	return nil
}

// lose drops the own session after another replica has deposed it.
func (b *Budgets) lose() {
	b.lease.set(0, time.Time{})
	b.number, b.told = 0, nil
	for _, one := range b.list {
		one.usage.mu.Lock()
		one.usage.shutHeld()
		one.partition = partition{}
		one.usage.mu.Unlock()
		one.Drop()
	}
}

// refusals returns the times until which Cloudflare refuses calls, by budget.
func (b *Budgets) refusals() map[string]time.Time {
	all := map[string]time.Time{}
	for _, one := range b.list {
		if one.Refused() > 0 {
			all[one.name] = time.Unix(0, one.refused.Load())
		}
	}
	return all
}

// endSession deletes the record of the own session.
func (b *Budgets) endSession(ctx context.Context) error {
	key := sessionKey(b.number)
	b.lease.set(0, time.Time{})
	b.number = 0
	return b.cfg.Store.Commit(ctx, []string{key}, func(now map[string]store.Record) (store.Changes, error) {
		if !b.owns(now[key].Value) {
			return store.Changes{}, nil
		}
		return store.Changes{Records: map[string]*store.Record{key: nil}}, nil
	})
}
