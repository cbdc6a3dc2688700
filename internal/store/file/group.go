package file

import (
	"sync"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/wal"
)

// pending is a change of a record that is not durable yet.
type pending struct {
	key     string
	value   []byte
	expires int64
	deleted bool
	// at is the offset of the entry in the content of the frame, and length its number of bytes.
	at, length int
}

// pendings are the changes of a group.
type pendings struct {
	// changes are in order. latest maps each key to the index of its newest change.
	changes []pending
	latest  map[string]int
}

// take moves out the memory of p.
func (p *pendings) take() pendings {
	given := *p
	*p = pendings{}
	if given.latest == nil {
		given.latest = map[string]int{}
	}
	return given
}

// keptPendings is the maximum capacity of changes whose memory is kept.
const keptPendings = 4096

// emptied returns p without its changes, for reuse of the memory.
func (p *pendings) emptied() pendings {
	if cap(p.changes) > keptPendings {
		return pendings{}
	}
	clear(p.changes)
	clear(p.latest)
	return pendings{p.changes[:0], p.latest}
}

// group is a set of commits that become durable with one frame.
type group struct {
	pendings

	frame []byte
	// chain is the last line of the trail including this group.
	chain chainState
	// done is closed when the group has ended with err.
	done chan struct{}
	err  error
	// late reports that the commits failed by timeout while the group waited for the disk.
	late bool
	// timer fails the commits of a group that waits longer than MaxWait.
	timer *time.Timer
}

// current returns the newest change of a key in this group.
func (g *group) current(key string) (p *pending, changed bool) {
	if g == nil {
		return nil, false
	}
	at, changed := g.latest[key]
	if !changed {
		return nil, false
	}
	return &g.changes[at], true
}

// add appends the record changes of a commit to the frame.
func (g *group) add(changes map[string]*store.Record, s *sealer) {
	for key, r := range changes {
		p := pending{key: key, deleted: r == nil, at: len(g.frame) - wal.ContentOffset}
		switch {
		case r == nil:
			g.frame = appendDelete(g.frame, key)
		case r.Expires.IsZero():
			p.value = r.Value
			g.frame = appendPut(g.frame, key, r.Value)
		default:
			p.value, p.expires = r.Value, store.Until(r.Expires)
			g.frame = appendExpire(g.frame, key, r.Value, p.expires, s)
		}
		p.length = len(g.frame) - wal.ContentOffset - p.at
		g.latest[key] = len(g.changes)
		g.changes = append(g.changes, p)
	}
}

// apply applies the changes of the group to the records. at is the position of the frame.
func (g *group) apply(r *records, at wal.Position) {
	for i := range g.changes {
		p := &g.changes[i]
		if g.latest[p.key] != i {
			continue
		}
		switch {
		case p.deleted:
			r.remove(at.Segment, p.key)
		case p.expires == 0:
			r.put(at.Segment, p.key, p.value)
		default:
			r.expire(at.Segment, p.key, entryPlace(at.Offset, &frameEntry{at: p.at, length: p.length, expires: p.expires}))
		}
	}
}

// buffers holds frames of earlier groups for reuse. At most two groups exist at a time.
type buffers struct {
	mu   sync.Mutex
	kept [2][]byte
}

// keptBuffer is the maximum capacity in bytes of a frame whose memory is kept.
const keptBuffer = 4 << 20

func (b *buffers) take() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, frame := range b.kept {
		if frame != nil {
			b.kept[i] = nil
			return frame
		}
	}
	return make([]byte, 0, 64<<10)
}

func (b *buffers) give(frame []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, other := range b.kept {
		if other == nil && cap(frame) <= keptBuffer {
			b.kept[i] = frame
			return
		}
	}
}

// line appends a line of the trail to the frame.
func (g *group) line(c *audit.Chain, r audit.Record, now time.Time) error {
	start := len(g.frame)
	frame, err := c.Append(beginLine(g.frame, g.chain.generation), r, now)
	if err != nil {
		return err
	}
	endLine(frame, start)
	g.frame, g.chain.at = frame, c.At()
	return nil
}

// ownLine appends a line that the store itself writes.
func (g *group) ownLine(c *audit.Chain, kind audit.RecordKind, reason string, now time.Time) {
	start := len(g.frame)
	g.frame = c.AppendOwn(beginLine(g.frame, g.chain.generation), kind, reason, now)
	endLine(g.frame, start)
	g.chain.at = c.At()
}
