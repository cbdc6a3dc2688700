package batch_test

import (
	"context"
	"slices"
	"testing"

	"platform.internal/storekeeper/internal/telemetry"
)

// TestTheCallIsOnEachAccount checks the telemetry of each caller.
func TestTheCallIsOnEachAccount(t *testing.T) {
	inScene(t, func(s *scene) {
		first, second := &telemetry.Call{}, &telemetry.Call{}
		one := s.create(context.WithValue(s.t.Context(), telemetry.CallKey{}, first), "A")
		two := s.create(context.WithValue(s.t.Context(), telemetry.CallKey{}, second), "B")
		<-one
		<-two
		// The leader's is noted down by the client, which is not here.
		if facts := first.Facts(); facts.UpstreamCalls != 0 {
			t.Errorf("the leader's call has %+v", facts)
		}
		if facts := second.Facts(); facts.UpstreamCalls != 1 || facts.UpstreamTime != 0 || !slices.Equal(facts.Rays, []string{"ray1"}) {
			t.Errorf("the passenger's call has %+v", facts)
		}
	})
}
