package valkey

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	mathrand "math/rand/v2"
	"strconv"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/records"
)

const (
	// settle bounds, as a number of time limits of one command, how long a
	// change is sent again whose answer was lost: long enough to notice that a
	// connection is dead and to make another.
	settle = 3
	// firstPause and longestPause bound the time before another attempt.
	firstPause   = time.Millisecond
	longestPause = 100 * time.Millisecond
)

// Change does as records.Store says, also where the connection breaks at any
// step: what was sent is then sent again and happens once. STATE_UNAVAILABLE
// means that nothing is known: the change happened, or will within moments, or
// not. The same holds where ctx ends. Where others keep changing the same
// records, it is tried again until ctx ends.
func (s *Store) Change(ctx context.Context, keys []string, decide records.Decide) error {
	if err := records.CheckKeys(keys); err != nil {
		return err
	}
	keys = unique(keys)
	for attempt := 0; ; attempt++ {
		done, err := s.try(ctx, keys, decide)
		if done || err != nil {
			return err
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// try does the change once. It is not done where a record changed meanwhile.
func (s *Store) try(ctx context.Context, keys []string, decide records.Decide) (done bool, err error) {
	found, err := s.read(ctx, keys)
	if err != nil {
		return false, err
	}
	changes, err := decide(entries(found))
	if err != nil {
		return false, err
	}
	if err := records.CheckChanges(keys, changes); err != nil {
		return false, err
	}
	if len(changes) == 0 {
		return true, nil
	}
	epoch, err := s.join(ctx)
	if err != nil {
		return false, err
	}
	return s.execute(ctx, s.callOf(epoch, keys, found, changes))
}

// call is one run of the script, which may be sent several times.
type call struct {
	keys, args []string
}

// callOf writes the call: the keys and for each what it must be and becomes.
func (s *Store) callOf(epoch string, keys []string, found map[string]stored, changes map[string]*records.Entry) call {
	var id [versionSize]byte
	_, _ = rand.Read(id[:]) // It never fails.
	version := string(id[:])
	c := call{
		keys: append([]string{s.Key(receiptName + hex.EncodeToString(id[:])), s.Key(indexName), s.Key(epochName)}, s.recordKeys(keys)...),
		args: append(make([]string, 0, 3+argsEach*len(keys)), firstTime, receiptLife, epoch),
	}
	for _, key := range keys {
		e, changed := changes[key]
		c.args = append(c.args, found[key].version, key)
		switch {
		case !changed:
			c.args = append(c.args, opKeep, "", "")
		case e == nil:
			c.args = append(c.args, opDrop, "", "")
		case e.Expires.IsZero():
			c.args = append(c.args, opLasting, "", encode(version, *e))
		default:
			// How long from now, so that the clocks of replicas and server need
			// not agree.
			life := max(1, time.Until(records.End(records.Until(e.Expires))).Milliseconds())
			c.args = append(c.args, opEnding, strconv.FormatInt(life, 10), encode(version, *e))
		}
	}
	return c
}

// execute runs the script until its answer is known. A refusal of the server is
// an answer, but only to what was sent last: after a lost answer, just the
// script itself can tell.
func (s *Store) execute(ctx context.Context, c call) (done bool, err error) {
	answer, err := s.send(ctx, c)
	if err == nil && answer == answerLost {
		return false, records.Unavailable(errEpoch)
	}
	if err == nil || answered(err) {
		return answer == answerDone, s.failed(ctx, err)
	}
	c.args[0] = again
	patience, cancel := context.WithTimeout(ctx, settle*s.timeout)
	defer cancel()
	for attempt := 0; err != nil; attempt++ {
		if s.closed.Load() || pause(patience, attempt) != nil {
			return false, s.failed(ctx, err)
		}
		answer, err = s.send(patience, c)
	}
	if answer == answerLost {
		return false, records.Unavailable(errEpoch)
	}
	return answer == answerDone, nil
}

func (s *Store) send(ctx context.Context, c call) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.swap.Exec(ctx, s.client, c.keys, c.args).ToString()
}

// pause waits a random time that grows with the attempts.
func pause(ctx context.Context, attempt int) error {
	most := min(firstPause<<min(attempt, 10), longestPause)
	timer := time.NewTimer(mathrand.N(most)) //nolint:gosec // Only spreads callers.
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fault.From(ctx.Err())
	}
}
