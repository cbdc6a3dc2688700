package guarantees_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/test/guarantees/calls"
	"platform.internal/storekeeper/test/guarantees/fleet"
)

// lateLine is the log message for an answer after the end of the lease.
const lateLine = "the answer to a change came after its lease had ended"

// lateMetric counts these answers.
const lateMetric = `storekeeper_changes_total{event="late"}`

// stop is a step of a change at which the replica is paused.
type stop struct {
	name  string
	alter func(w *world, s *fleet.Settings)
	// hold holds the replica at the step. It returns a channel that is closed on
	// arrival, and the function that releases the replica.
	hold func(w *world) (arrived <-chan struct{}, release func())
	// left says that the old change had left by then, so that an alarm is due.
	left bool
	// value is Cloudflare's value at the end.
	value string
	// lasts is for how long the replica is paused at least.
	lasts time.Duration
}

// stops are the places that wait for something after the change was taken on.
func stops() []stop {
	var tunnel *fleet.Tunnel
	return []stop{
		{
			name: "while it waits for a connection",
			alter: func(w *world, s *fleet.Settings) {
				tunnel = w.cf.Tunnel(w.t)
				s.Cloudflare, s.Env = tunnel.URL, tunnel.Env
			},
			hold:  func(*world) (<-chan struct{}, func()) { h := tunnel.Hold("CONNECT "); return h.Arrived, h.Release },
			value: "newer",
		},
		{
			name: "while it shakes hands",
			alter: func(w *world, s *fleet.Settings) {
				tunnel = w.cf.Tunnel(w.t)
				s.Cloudflare, s.Env = tunnel.URL, tunnel.Env
			},
			// A handshake begins with this record.
			hold:  func(*world) (<-chan struct{}, func()) { h := tunnel.Hold("\x16\x03\x01"); return h.Arrived, h.Release },
			value: "newer",
		},
		{
			name: "while Cloudflare answers",
			hold: func(w *world) (<-chan struct{}, func()) {
				h := w.cf.Catch(http.MethodPatch, "/secrets/", true)
				return h.Arrived, h.Release
			},
			left: true, value: "newer",
		},
		{
			// A sent request cannot be recalled. The alarm reports it.
			name: "while Cloudflare has not begun",
			hold: func(w *world) (<-chan struct{}, func()) {
				h := w.cf.Catch(http.MethodPatch, "/secrets/", false)
				return h.Arrived, h.Release
			},
			left: true, value: "old",
		},
	}
}

// pauseTimes are the minimum pauses: until a newer change is made, or longer than a
// lease and the time limit of a request.
func pauseTimes() []time.Duration {
	if lasting() {
		return []time.Duration{20 * time.Second, 62 * time.Second}
	}
	return []time.Duration{0}
}

func TestAPausedReplicaSendsNoOldChangeOverANewerOne(t *testing.T) {
	t.Parallel()
	for i, one := range stops() {
		for _, lasts := range pauseTimes() {
			t.Run(fmt.Sprintf("%s for %s", one.name, lasts), func(t *testing.T) {
				t.Parallel()
				// Each replica has a separate connection to Cloudflare.
				s := stops()[i]
				s.lasts = lasts
				p := plan{replicas: 2, callers: 2, settings: fleet.Settings{Calls: 100, Window: time.Minute}}
				p.alter = func(w *world, replica int, own *fleet.Settings) {
					if replica == 0 && s.alter != nil {
						s.alter(w, own)
					}
				}
				s.play(build(t, p))
			})
		}
	}
}

// play pauses the first replica in a change while the second replica makes a
// newer change of the same secret.
func (s stop) play(w *world) {
	t := w.t
	paused, other := w.replicas[0], w.replicas[1]
	id := must(t, "create", w.settled(w.rest("c1", other), "n")).Secrets[0].ID
	// The paused replica has read the secret, so that its next request is the
	// change.
	must(t, "list", w.rest("c0", paused).List(t.Context(), calls.Mark{}, ""))
	eventually(t, "the paused replica makes changes", takeover, func() bool {
		return w.rest("c0", paused).Update(t.Context(), calls.Mark{Key: "before"}, id, calls.Write{Value: "second"}).Verdict == calls.Done
	})
	old, release := s.pauseWithin(w, id)
	defer release()
	began := time.Now()
	eventually(t, "the newer change is made", takeover, func() bool {
		return w.rest("c1", other).Update(t.Context(), calls.Mark{Key: "newer"}, id, calls.Write{Value: "newer"}).Verdict == calls.Done
	})
	time.Sleep(time.Until(began.Add(s.lasts)))
	release()
	paused.Resume()
	a := <-old
	t.Logf("the caller of the old change is told %s", a.Said)
	intent := lastIntent(t, paused.Trail(), "c0")
	// The replica that took the change over wrote the outcome.
	eventually(t, "the trail has the outcome of the old change", takeover, func() bool {
		return len(about(paused.Trail(), "outcome", intent)) > 0
	})
	if !s.left && a.Verdict == calls.Done {
		t.Error("the caller of the old change, which was not sent, is told that it was made")
	}
	s.check(w, intent)
}

// pauseWithin pauses the first replica in the middle of a change of the secret id.
// It returns the channel of the answer, and the function that releases the change.
// Background work passes the same steps: if the hold caught background work, the
// trail has no intent, and another change is tried.
func (s stop) pauseWithin(w *world, id string) (<-chan calls.Answer, func()) {
	t, paused := w.t, w.replicas[0]
	earlier := lastIntent(t, paused.Trail(), "c0")
	for try := range 20 {
		arrived, release := s.hold(w)
		old := make(chan calls.Answer, 1)
		go func() {
			mark := calls.Mark{Key: fmt.Sprint("old-", try)}
			old <- w.rest("c0", paused).Update(context.WithoutCancel(t.Context()), mark, id, calls.Write{Value: "old"})
		}()
		select {
		case <-arrived:
		case <-time.After(takeover):
			t.Fatal("the change does not get there")
		}
		paused.Pause()
		if lastIntent(t, paused.Trail(), "c0") != earlier {
			return old, release
		}
		release()
		paused.Resume()
		<-old
		earlier = lastIntent(t, paused.Trail(), "c0")
	}
	t.Fatal("no change was caught at the place")
	return nil, nil
}

// check checks trail, log, metrics and Cloudflare after the test.
func (s stop) check(w *world, intent string) {
	t := w.t
	paused, other := w.replicas[0], w.replicas[1]
	eventually(t, "Cloudflare has carried out everything", takeover, func() bool {
		value, _ := w.cf.Value(fleet.Account, w.place.Store, "n")
		return value == s.value
	})
	trail := other.Trail()
	outcomes := about(trail, "outcome", intent)
	if len(outcomes) != 1 || !s.left && outcomes[0].Outcome == "succeeded" {
		t.Errorf("the outcomes of the old change are %+v", outcomes)
	}
	newer := about(trail, "outcome", lastIntent(t, trail, "c1"))
	if len(newer) != 1 || newer[0].Outcome != "succeeded" || newer[0].Caller != "c1" {
		t.Errorf("the outcomes of the newer change are %+v", newer)
	}
	s.checkAlarm(t, paused, intent)
	if said, err := other.VerifyTrail(); err != nil {
		t.Errorf("audit verify: %v\n%s", err, said)
	}
	for _, r := range trail {
		if n := len(about(trail, "outcome", r.ID)); r.Kind == "intent" && n != 1 {
			t.Errorf("intent %s has %d outcomes", r.ID, n)
		}
	}
}

// checkAlarm looks for the alarm, or for none, in trail, metrics and log.
func (s stop) checkAlarm(t *testing.T, paused *fleet.Replica, intent string) {
	t.Helper()
	alarms := about(paused.Trail(), "alarm", intent)
	inMetrics := strings.Contains(paused.Metrics(), lateMetric+" 1\n")
	inLog := strings.Count(paused.Log(1000), lateLine) == 1
	if !s.left {
		if len(alarms) > 0 || inMetrics || inLog {
			t.Errorf("nothing had left, and there is an alarm: trail %+v, metrics %v, log %v", alarms, inMetrics, inLog)
		}
		return
	}
	if len(alarms) != 1 || alarms[0].Reason != "LEASE_ENDED" || alarms[0].Caller != "c0" || alarms[0].Outcome != "" || !slices.Equal(alarms[0].Changed, []string{"value"}) {
		t.Errorf("the alarms in the trail are %+v", alarms)
	}
	if !inMetrics || !inLog {
		t.Errorf("the alarm: in the metrics %v, in the log %v", inMetrics, inLog)
	}
}

// lastIntent is the identifier of the newest intent of a caller in a trail.
func lastIntent(t *testing.T, trail []fleet.Record, caller string) string {
	t.Helper()
	for _, r := range slices.Backward(trail) {
		if r.Kind == "intent" && r.Caller == caller {
			return r.ID
		}
	}
	t.Fatalf("the trail has no intent of %s", caller)
	return ""
}

// about are the records of a kind that belong to an intent.
func about(trail []fleet.Record, kind, intent string) []fleet.Record {
	return slices.DeleteFunc(slices.Clone(trail), func(r fleet.Record) bool { return r.Kind != kind || r.ID != intent })
}
