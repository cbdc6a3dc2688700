package telemetry_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestChangesAreCountedByWhatBecameOfThem(t *testing.T) {
	m := newMetrics(t)
	open := 2
	count, err := m.WatchChanges(func() int { return open })
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(scrape(t, m), "storekeeper_changes_total{") {
		t.Error("a change is counted that nobody made")
	}
	for event, n := range map[string]int{"began": 3, "finished": 2, "replayed": 1} {
		for range n {
			count(event)
		}
	}
	mustShow(t, m,
		`storekeeper_changes_total{event="began"} 3`, `storekeeper_changes_total{event="finished"} 2`,
		`storekeeper_changes_total{event="replayed"} 1`, "storekeeper_intents_open 2",
	)
	open = -1
	mustShow(t, m, "storekeeper_intents_open -1")
	if _, err := m.WatchChanges(func() int { return 0 }); err == nil {
		t.Error("changes are watched twice")
	}
}

func TestEventsHaveAFewNames(t *testing.T) {
	m := newMetrics(t)
	count, err := m.WatchChanges(func() int { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	for i := range 70 {
		count(fmt.Sprintf("event-%d", i))
	}
	count("no word")
	mustShow(t, m, `storekeeper_changes_total{event="event-63"} 1`, `storekeeper_changes_total{event="other"} 7`)
}

func TestARareEventStandsAtZeroBeforeItsFirstCount(t *testing.T) {
	m := newMetrics(t)
	count, err := m.WatchChanges(func() int { return 0 }, "late")
	if err != nil {
		t.Fatal(err)
	}
	mustShow(t, m, `storekeeper_changes_total{event="late"} 0`)
	count("late")
	mustShow(t, m, `storekeeper_changes_total{event="late"} 1`)
}
