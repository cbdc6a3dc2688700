package history

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// mostJoined bounds the number of open intents that an export holds in memory.
const mostJoined = 100_000

// Trail visits the lines of a trail with a sequence number above after, in order, without line feeds. The error
// is audit.ErrDamaged if all lines were visited and parts of the trail are no records.
// Implementations: store.Store and fileindex.Scan.
type Trail func(ctx context.Context, after uint64, visit func(line []byte) error) error

// Range selects the records of an export.
type Range struct {
	// After is the sequence number before the first wanted record.
	After uint64
	// Since (inclusive) and Until (exclusive) bound the time of a record. Zero: no bound.
	Since, Until time.Time
}

func (r Range) wants(at time.Time) bool {
	return (r.Since.IsZero() || !at.Before(r.Since)) && (r.Until.IsZero() || at.Before(r.Until))
}

// ExportLines writes the unchanged lines of a trail, oldest first, each with a line feed. Without a time
// bound, the lines can be verified.
func ExportLines(ctx context.Context, from Trail, of Range, w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	bounded := !of.Since.IsZero() || !of.Until.IsZero()
	err := from(ctx, of.After, func(line []byte) error {
		if bounded {
			if e, err := audit.ParseLine(line); err == nil && !of.wants(e.Record.Time) {
				return nil
			}
		}
		_, _ = out.Write(line) // The next write, or Flush, gives the error again.
		return out.WriteByte('\n')
	})
	return errors.Join(err, out.Flush())
}

// ExportOCSF writes each change and each denial as an OCSF event, one per line, in the order in which they
// ended. Changes without an outcome come last. version is the version of this program.
func ExportOCSF(ctx context.Context, from Trail, of Range, version string, w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	x := ocsfExport{of: of, version: version, to: json.NewEncoder(out), open: map[string]*audit.Entry{}}
	x.to.SetEscapeHTML(false)
	err := from(ctx, of.After, x.line)
	if err == nil || errors.Is(err, audit.ErrDamaged) {
		err = errors.Join(err, x.rest())
	}
	return errors.Join(err, out.Flush())
}

type ocsfExport struct {
	of      Range
	version string
	to      *json.Encoder
	// open are the intents without an outcome. order holds their identifiers in order.
	open  map[string]*audit.Entry
	order []string
}

func (x *ocsfExport) line(text []byte) error {
	e, err := audit.ParseLine(text)
	if err != nil {
		return err
	}
	switch e.Record.Kind {
	case audit.KindIntent:
		if len(x.open) < mostJoined {
			x.open[e.Record.ID] = &e
			x.order = append(x.order, e.Record.ID)
			if len(x.order) > 2*mostJoined {
				x.compact()
			}
		}
	case audit.KindOutcome:
		intent := x.open[e.Record.ID]
		delete(x.open, e.Record.ID)
		if intent == nil {
			return x.write(join(&e, nil))
		}
		return x.write(join(intent, &e))
	case audit.KindDenial:
		return x.write(Change{Record: e.Record, Begun: e.Record.Time, IntentSeq: e.Seq})
	default:
	}
	return nil
}

// compact removes ended intents from order.
func (x *ocsfExport) compact() {
	kept := x.order[:0]
	for _, id := range x.order {
		if x.open[id] != nil {
			kept = append(kept, id)
		}
	}
	x.order = kept
}

func (x *ocsfExport) rest() error {
	for _, id := range x.order {
		if e := x.open[id]; e != nil {
			delete(x.open, id)
			if err := x.write(join(e, nil)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *ocsfExport) write(c Change) error {
	if !x.of.wants(c.Begun) {
		return nil
	}
	return x.to.Encode(OCSF(&c, x.version))
}
