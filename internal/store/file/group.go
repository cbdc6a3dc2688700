package file

import (
	"sync"
	"time"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/store/wal"
)

// pending is what a commit made of a record and is not durable yet.
type pending struct {
	key     string
	value   []byte
	expires int64
	deleted bool
	// at is where its entry begins in the content of the frame, and length how many
	// bytes it has.
	at, length int
}

// pendings are what commits made of records.
type pendings struct {
	// changes are in order, and latest is where the newest of each key is.
	changes []pending
	latest  map[string]int
}

// take gives away the memory of p, where there is some.
func (p *pendings) take() pendings {
	given := *p
	*p = pendings{}
	if given.latest == nil {
		given.latest = map[string]int{}
	}
	return given
}

// keptPendings is how many changes may be pending whose memory is kept.
const keptPendings = 4096

// emptied is p without its changes, so that its memory can be used again.
func (p *pendings) emptied() pendings {
	if cap(p.changes) > keptPendings {
		return pendings{}
	}
	clear(p.changes)
	clear(p.latest)
	return pendings{p.changes[:0], p.latest}
}

// group are the commits that become durable with one frame.
type group struct {
	pendings

	frame []byte
	// chain is the last line of the trail with this group.
	chain chainState
	// done is closed when the callers may go on, with err.
	done chan struct{}
	err  error
	// late says that the callers were refused while the group waited for the disk.
	late bool
	// timer refuses the callers of a group that waits for too long.
	timer *time.Timer
}

// current is what a key has become with this group.
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

// add appends what a commit does with records to the frame.
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

// apply puts what the group did into the records. at is the place of its frame.
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
			r.expire(at.Segment, p.key, entryPlace(at.Offset, &entry{at: p.at, length: p.length, expires: p.expires}))
		}
	}
}

// buffers are the frames of earlier groups, whose memory is used again. Two groups
// are under way at most.
type buffers struct {
	mu   sync.Mutex
	kept [2][]byte
}

// keptBuffer is how large a frame may be whose memory is kept.
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

// ownLine appends a line of the store's own.
func (g *group) ownLine(c *audit.Chain, kind audit.Kind, reason string, now time.Time) {
	start := len(g.frame)
	g.frame = c.AppendOwn(beginLine(g.frame, g.chain.generation), kind, reason, now)
	endLine(g.frame, start)
	g.chain.at = c.At()
}
