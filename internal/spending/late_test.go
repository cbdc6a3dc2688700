package spending_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

// TestEachLateChangeOfABatchRaisesAnAlarm sends five changes in one request. Before the answer arrives, four
// leases expire, and one ends because the process stops.
func TestEachLateChangeOfABatchRaisesAnAlarm(t *testing.T) {
	t.Parallel()
	var late []string
	ended := false
	c := spenders()
	c.Late = func(a *change.Attempt, _ upstream.Attempt) { late = append(late, a.ID) }
	p := open(t, c)
	gone := func() bool { return !ended }
	life, stop := context.WithCancel(t.Context())
	batch := &change.Attempt{Together: []*change.Attempt{
		{ID: "first", Held: gone}, {ID: "second"}, {ID: "third", Held: gone},
		{ID: "fourth", Held: gone, Life: life}, {ID: "fifth", Held: gone, Life: t.Context()},
	}}
	done, err := p.Admit(change.With(t.Context(), batch), upstream.Ask{Operation: "CreateSecrets", Account: "main", Changes: true})
	must(t, err)
	ended = true
	stop()
	done(upstream.Attempt{Operation: "CreateSecrets", Status: http.StatusOK})
	if !slices.Equal(late, []string{"first", "third", "fifth"}) {
		t.Errorf("there are alarms about %v, want those about the first, the third and the fifth change", late)
	}
}
