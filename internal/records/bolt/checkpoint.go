package bolt

import "time"

const (
	// turnRecords, turnBytes and turnAfter say when what the journal holds is
	// put into the file: after so many records or bytes, or so long after the
	// first. More at once costs less for each. Less takes less memory, of which
	// the pages of the file that change need the most, and less is read at the
	// next start.
	turnRecords = 1024
	turnBytes   = 1 << 20
	turnAfter   = time.Second
	// fullRecords and fullBytes bound what waits while the file cannot be
	// written. Changes are refused then.
	fullRecords = 64 * turnRecords
	fullBytes   = 32 << 20
	// sweepEvery is the pause between two looks for records that have ended,
	// and sweepAgain the pause when a look did not get to the end of them.
	sweepEvery = time.Minute
	sweepAgain = 20 * time.Millisecond
	// sweepStep is how many of them go at once, so that what is frozen waits
	// little.
	sweepStep = 500
)

// job is what the keeper puts into the file, the mark up to which the journal is
// in it then, and the number of the last durable frame of it.
type job struct {
	records       memory
	mark, reached uint64
}

// keeper is the only writer of the file. What it is given stands in the journal
// until it says that it is done, so nothing waits for it.
type keeper struct {
	*file

	jobs chan job
	done chan error
	// stopped is closed when it has ended.
	stopped chan struct{}
}

// keep does jobs and sweeps until there will be no more jobs.
func (k *keeper) keep() {
	defer close(k.stopped)
	sweep := time.NewTimer(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case j, more := <-k.jobs:
			if !more {
				return
			}
			k.done <- k.put(j)
		case <-sweep.C:
			sweep.Reset(k.sweep())
		}
	}
}

// put writes a job: all of it or nothing.
func (k *keeper) put(j job) error {
	return k.update(func(t *table) error {
		if err := j.records.in(t, time.Now()); err != nil {
			return err
		}
		return t.apply(j.mark, j.reached)
	})
}

// sweep drops some of the records that have ended and says when to look again.
// A failure is left to the next look.
func (k *keeper) sweep() time.Duration {
	found := 0
	err := k.read(func(t *table) error {
		found = len(t.ended(time.Now(), 1))
		return nil
	})
	if err != nil || found == 0 {
		return sweepEvery
	}
	err = k.update(func(t *table) error {
		keys := t.ended(time.Now(), sweepStep)
		found = len(keys)
		for _, key := range keys {
			if err := t.dropEnding(key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || found < sweepStep {
		return sweepEvery
	}
	return sweepAgain
}
