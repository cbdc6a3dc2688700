package batch_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
)

// TestALeaderThatLeavesTakesNobodyWithIt ends the first caller's context while
// the call for all is under way.
func TestALeaderThatLeavesTakesNobodyWithIt(t *testing.T) {
	inScene(t, func(s *scene) {
		ctx, leave := context.WithCancel(s.t.Context())
		s.cloud.answer = func(ctx context.Context, _ []string) error {
			leave()
			select {
			case <-time.After(time.Second):
				return nil
			case <-ctx.Done():
				return fault.New(fault.Canceled, lostWord, "ended")
			}
		}
		first, second := s.create(ctx, "A"), s.create(s.t.Context(), "B")
		if got := <-first; got.told() != lostWord || fault.From(got.err).Kind != fault.Canceled {
			t.Errorf("the leader was told %q", got.told())
		}
		if got := <-second; got.told() != "id of B" {
			t.Errorf("its company was told %q", got.told())
		}
	})
}

func TestAPassengerThatLeavesDisturbsNobody(t *testing.T) {
	inScene(t, func(s *scene) {
		ctx, leave := context.WithCancel(s.t.Context())
		s.cloud.answer = func(context.Context, []string) error {
			leave()
			synctest.Wait()
			return nil
		}
		first, second := s.create(s.t.Context(), "A"), s.create(ctx, "B")
		if got := <-first; got.told() != "id of A" {
			t.Errorf("the leader was told %q", got.told())
		}
		if got := <-second; got.told() != lostWord && got.told() != "id of B" {
			t.Errorf("who left was told %q", got.told())
		}
	})
}

// TestACallThatHangsIsBounded is never answered.
func TestACallThatHangsIsBounded(t *testing.T) {
	inScene(t, func(s *scene) {
		s.cloud.answer = func(ctx context.Context, _ []string) error {
			<-ctx.Done()
			return fault.New(fault.Deadline, lostWord, "late")
		}
		began := time.Now()
		told := s.createAll("A", "B")
		if told[0] != lostWord || told[1] != lostWord || time.Since(began) > window+attempt+time.Second {
			t.Errorf("told %q after %s", told, time.Since(began))
		}
	})
}

func TestCallsThatMustBeAloneAre(t *testing.T) {
	inScene(t, func(s *scene) {
		ctx := change.With(s.t.Context(), &change.Attempt{Sends: 2})
		one, two, three := s.create(s.t.Context(), "A"), s.create(ctx, "B"), s.create(s.t.Context(), "C")
		<-one
		<-two
		<-three
		if sent := s.cloud.sent(); !slices.Contains(sent, "B") || !slices.Contains(sent, "A C") {
			t.Errorf("sent %q", sent)
		}
	})
}

func TestNothingToCreateCostsNoTurn(t *testing.T) {
	inScene(t, func(s *scene) {
		began := time.Now()
		s.cloud.answer = func(context.Context, []string) error { return fault.New(fault.BadInput, "EMPTY", "empty") }
		if told := s.createAll(""); told[0] != "EMPTY" || time.Since(began) > 0 {
			t.Errorf("told %q after %s", told, time.Since(began))
		}
	})
}

func TestWhoTiresOfWaitingWasNotSent(t *testing.T) {
	inScene(t, func(s *scene) {
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
		defer cancel()
		if got := <-s.create(ctx, "A"); got.told() == lostWord || got.err == nil || len(s.cloud.sent()) != 0 {
			t.Errorf("told %q", got.told())
		}
	})
}

// TestACallForSeveralNamesTheChangesOfAll is about the leases of the changes,
// which are looked at one by one before the request leaves.
func TestACallForSeveralNamesTheChangesOfAll(t *testing.T) {
	inScene(t, func(s *scene) {
		var named []string
		s.cloud.answer = func(ctx context.Context, _ []string) error {
			for _, a := range change.From(ctx).Leaving() {
				named = append(named, a.ID)
			}
			return nil
		}
		var waiting []<-chan result
		for _, name := range []string{"A", "B", "C"} {
			waiting = append(waiting, s.create(change.With(s.t.Context(), &change.Attempt{ID: name}), name))
		}
		for _, done := range waiting {
			if r := <-done; r.err != nil {
				t.Fatal(r.err)
			}
		}
		if !slices.Equal(named, []string{"A", "B", "C"}) {
			t.Errorf("sent %q for the changes of %v", s.cloud.sent(), named)
		}
	})
}
