package audit

import (
	"errors"
	"runtime"
	"slices"
	"time"

	"go.uber.org/zap"
)

// run is the writing goroutine.
func (j *Journal) run() {
	defer close(j.ended)
	for j.wait() {
		j.round()
	}
	j.drain()
	j.medium.end()
}

// wait returns when there may be something to write, or when an ill medium is
// to be tried again, and false when the journal was closed.
func (j *Journal) wait() bool {
	var probe <-chan time.Time
	if j.ill() {
		timer := time.NewTimer(j.probe)
		defer timer.Stop()
		probe = timer.C
	}
	select {
	case <-j.closing:
		return false
	case <-j.wake:
	case <-probe:
	}
	return true
}

// drain writes what waited when the journal was closed.
func (j *Journal) drain() {
	for j.round() && !j.ill() {
	}
	if len(j.owed) > 0 {
		j.logger.Error("audit outcomes were not written", zap.Int("not_sent", len(j.owed)))
	}
}

// round makes one commit. It returns false where there was nothing to do.
func (j *Journal) round() bool {
	j.gather()
	j.take()
	if len(j.batch) == 0 && len(j.owed) == 0 && !j.ill() {
		return false
	}
	j.busy.Store(max(1, int64(time.Since(j.born))))
	err := j.commit()
	j.busy.Store(0)
	if err != nil {
		j.sicken(err)
	} else {
		j.heal()
	}
	j.settle(err)
	return true
}

// gather lets others join the round: whoever can run does so first, for as long
// as the queue grows by it, and not for longer than a sync takes. In an idle
// process it takes no time. In a busy one the callers that the last round let
// go make their records for this one, and a sync, which is by far the dearest
// part of a round, serves more of them.
func (j *Journal) gather() {
	const (
		mostYields = 16
		mostTime   = time.Millisecond
	)
	began, before, idle := time.Now(), j.queued(), 0
	for range mostYields {
		runtime.Gosched()
		now := j.queued()
		if now > before {
			idle = 0
		} else if idle++; idle == 2 {
			return
		}
		if time.Since(began) > mostTime {
			return
		}
		before = now
	}
}

func (j *Journal) queued() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.queue)
}

// take moves requests from the queue to the batch, and drops those whose
// caller gave up.
func (j *Journal) take() {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, size := 0, 0
	for n < len(j.queue) && size < maxBatch {
		r := j.queue[n]
		n++
		if r.take() {
			j.batch = append(j.batch, r)
			size += len(r.text)
		}
	}
	j.queue = slices.Delete(j.queue, 0, n)
	if len(j.queue) > 0 {
		j.nudge()
	}
}

// commit writes the batch. One failure is repaired without a caller noticing.
func (j *Journal) commit() error {
	var first error
	if !j.ill() {
		if first = j.medium.commit(j.collect()); first == nil {
			return nil
		}
	}
	if err := j.medium.repair(); err != nil {
		return errors.Join(first, err)
	}
	if err := j.medium.commit(j.collect()); err != nil {
		return err
	}
	if first != nil {
		j.logger.Warn("the audit record was repaired", zap.Error(first))
	}
	return nil
}

// collect lists what is to be written. A request whose caller gave up meanwhile
// leaves the batch; what was written of it is cut off by then.
func (j *Journal) collect() [][]byte {
	j.batch = slices.DeleteFunc(j.batch, func(r *request) bool { return r.state.Load() == gone })
	j.bodies = append(j.bodies[:0], j.owed...)
	for _, r := range j.batch {
		j.bodies = r.appendBodies(j.bodies)
	}
	return j.bodies
}

// settle tells the callers.
func (j *Journal) settle(err error) {
	if err == nil {
		j.owed = nil
	}
	for _, r := range j.batch {
		if !r.settle(err) && err == nil {
			j.owed = r.notSent(j.owed, j.now())
		}
	}
	j.batch = slices.Delete(j.batch, 0, len(j.batch))
	clear(j.bodies)
	if len(j.owed) > 0 {
		j.nudge()
	}
}

func (j *Journal) ill() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.illness != nil
}

// sicken makes the journal refuse, and everything in the queue with it.
func (j *Journal) sicken(err error) {
	j.mu.Lock()
	was := j.illness
	j.illness = err
	refused := slices.Clone(j.queue)
	j.queue = slices.Delete(j.queue, 0, len(j.queue))
	j.mu.Unlock()
	for _, r := range refused {
		if r.take() {
			r.settle(err)
		}
	}
	if was == nil {
		j.probe = firstProbe
		j.logger.Error("the audit record cannot be written: changes are refused", zap.Error(err))
		return
	}
	j.probe = min(2*j.probe, lastProbe)
}

func (j *Journal) heal() {
	j.mu.Lock()
	was := j.illness
	j.illness = nil
	j.mu.Unlock()
	if was != nil {
		j.logger.Info("the audit record can be written again")
	}
}
