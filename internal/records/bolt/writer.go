package bolt

import (
	"errors"
	"runtime"
	"time"

	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/journal"
)

// mostYields bounds how often the writer lets others run, so that they can
// join, before it goes to the disk.
const mostYields = 4

// writer makes changes durable in the journal and hands them on to the keeper.
type writer struct {
	recent *recent
	log    *journal.Journal
	// label writes the labels of the journal's files.
	label func(mark uint64) error
	// witness notes in the other file that a frame is durable.
	witness func(reached uint64)
	failed  func(error) error
	keeper  *keeper
	queue   chan *change
	batch   batch

	// mark is that of what is frozen, and reached the number of its last durable
	// frame; busy says that the keeper has it, and ill
	// why it could not put it into the file.
	mark, reached uint64
	busy          bool
	ill           error
	// tick is when to tend what lies about. It is set while something does.
	tick  *time.Timer
	armed bool
}

// write makes changes until closing.
func (w *writer) write(closing <-chan struct{}) {
	for {
		select {
		case <-closing:
			return
		default:
		}
		select {
		case <-closing:
			return
		case c := <-w.queue:
			w.commit(c)
		case err := <-w.keeper.done:
			w.thaw(err)
		case <-w.tick.C:
			w.armed = false
			w.tend()
		}
	}
}

// commit writes a change and all that wait behind it, and then tells each what
// became of it: not before, as an error of decide may rest on a change that is
// written with it.
func (w *writer) commit(first *change) {
	if err := w.room(); err != nil {
		w.refuse(first, err)
		return
	}
	err := w.fill(first)
	if err == nil && len(w.batch.items) > 0 {
		if err = w.log.Write(w.batch.frame); err == nil {
			w.witness(w.log.Durable())
			w.recent.add(w.batch.items)
		}
		w.arm()
	}
	for _, c := range w.batch.changes {
		if err != nil {
			c.err = records.Unavailable(err)
		}
		c.done <- c.err
	}
	w.batch.begin(nil)
	if w.recent.frozen == nil && (len(w.recent.active) >= turnRecords || w.log.Size() >= turnBytes) {
		w.turn()
	}
}

// refuse answers a change and all that wait behind it.
func (w *writer) refuse(first *change, err error) {
	w.batch.begin(nil)
	for c := first; c != nil; c = w.next() {
		w.batch.changes = append(w.batch.changes, c)
		c.done <- records.Unavailable(err)
	}
}

// next is a change that waits, nil where none does or enough are taken. A busy
// process gets few syncs by letting others run as long as they bring more, and
// where nobody else runs that takes no time.
func (w *writer) next() *change {
	b := &w.batch
	for !b.full() {
		select {
		case c := <-w.queue:
			return c
		default:
		}
		if b.yields == mostYields {
			return nil
		}
		b.yields++
		runtime.Gosched()
		if len(w.queue) == 0 {
			return nil
		}
	}
	return nil
}

// room waits for the keeper where too much is not in the file yet. Its error is
// the keeper's.
func (w *writer) room() error {
	if w.recent.frozen == nil || len(w.recent.active) < fullRecords && w.log.Size() < fullBytes {
		return nil
	}
	return w.await()
}

// await waits until what is frozen is in the file.
func (w *writer) await() error {
	w.hand()
	w.thaw(<-w.keeper.done)
	return w.ill
}

// turn freezes what was written until now and goes on in the other file of the
// journal. Nothing may be frozen.
func (w *writer) turn() {
	w.recent.freeze()
	w.reached = w.log.Durable()
	w.mark = w.log.Turn()
	w.hand()
}

// hand gives what is frozen to the keeper, where it has not got it.
func (w *writer) hand() {
	if !w.busy {
		w.busy = true
		w.keeper.jobs <- job{records: w.recent.frozen, mark: w.mark, reached: w.reached}
	}
}

// thaw takes what the keeper says of what is frozen. After an error it stays.
func (w *writer) thaw(err error) {
	w.busy = false
	if w.ill = err; err != nil {
		w.arm()
		return
	}
	w.recent.thaw()
}

// arm sees to it that what was written is tended in a while.
func (w *writer) arm() {
	if !w.armed {
		w.armed = true
		w.tick.Reset(turnAfter)
	}
}

// tend does what is left: it gets rid of a frame that failed and may be durable
// all the same, and hands on what waits.
func (w *writer) tend() {
	if w.log.Doubtful() && w.log.Write(w.log.Frame()) != nil {
		w.arm()
	}
	switch {
	case w.recent.frozen != nil:
		w.hand()
		w.arm()
	case len(w.recent.active) > 0:
		w.turn()
	}
}

// end puts everything into the file. After an error the rest stays in the
// journal.
func (w *writer) end() error {
	w.tick.Stop()
	if w.recent.frozen != nil {
		if err := w.await(); err != nil {
			return errors.Join(err, w.log.Close())
		}
	}
	if len(w.recent.active) > 0 {
		w.turn()
		if err := w.await(); err != nil {
			return errors.Join(err, w.log.Close())
		}
	}
	// The labels say what the records file must hold from now on.
	if err := w.label(w.log.Mark()); err != nil {
		return errors.Join(err, w.log.Close())
	}
	return errors.Join(w.log.Empty(), w.log.Close())
}
