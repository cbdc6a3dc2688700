package telemetry_test

import (
	"fmt"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/telemetry"
)

// mustShow checks that the page has each of the lines.
func mustShow(t *testing.T, m *telemetry.Metrics, lines ...string) {
	t.Helper()
	page := scrape(t, m)
	for _, line := range lines {
		if !strings.Contains(page, "\n"+line+"\n") {
			t.Errorf("%s is not shown", line)
		}
	}
}

func TestBudgetsAreShownAsTheyAreNow(t *testing.T) {
	m := newMetrics(t)
	var states []telemetry.BudgetState
	if err := m.WatchBudget(func() []telemetry.BudgetState { return states }); err != nil {
		t.Fatal(err)
	}
	if page := scrape(t, m); strings.Contains(page, "storekeeper_budget_") {
		t.Error("a budget is shown where there is none")
	}
	states = []telemetry.BudgetState{
		{
			Credential: "main+test", Limit: 1150, Used: 700, Waiting: 4, Outside: 50, Blocked: 12.5,
			Tenants: map[string]float64{"": 3, "team-a": 1.5},
		},
		{Credential: "other", Limit: 1200},
	}
	mustShow(t, m,
		`storekeeper_budget_limit_calls{credential="main+test"} 1150`,
		`storekeeper_budget_used_calls{credential="main+test"} 700`,
		`storekeeper_budget_waiting_calls{credential="main+test"} 4`,
		`storekeeper_budget_outside_calls{credential="main+test"} 50`,
		`storekeeper_budget_blocked_seconds{credential="main+test"} 12.5`,
		`storekeeper_budget_tenant_used_calls{credential="main+test",tenant="storekeeper"} 3`,
		`storekeeper_budget_tenant_used_calls{credential="main+test",tenant="team-a"} 1.5`,
		`storekeeper_budget_limit_calls{credential="other"} 1200`,
		`storekeeper_budget_blocked_seconds{credential="other"} 0`,
	)
	states[0].Used = 0
	states[0].Tenants = nil
	mustShow(t, m, `storekeeper_budget_used_calls{credential="main+test"} 0`)
	if strings.Contains(scrape(t, m), "team-a") {
		t.Error("a tenant is shown that made no calls lately")
	}
}

// Tenants come from tokens, so there is no end to them.
func TestTenantsBeyondTheMostAreShownTogether(t *testing.T) {
	m := newMetrics(t)
	tenants := map[string]float64{}
	for i := range 200 {
		tenants[fmt.Sprintf("tenant-%d", i)] = 1
	}
	states := []telemetry.BudgetState{{Credential: "main", Tenants: tenants}}
	if err := m.WatchBudget(func() []telemetry.BudgetState { return states }); err != nil {
		t.Fatal(err)
	}
	if page := scrape(t, m); strings.Count(page, "storekeeper_budget_tenant_used_calls{") != 200 || strings.Contains(page, `tenant="other"`) {
		t.Error("200 tenants are not shown apart")
	}
	tenants["late-1"], tenants["late-2"] = 2, 3
	mustShow(t, m, `storekeeper_budget_tenant_used_calls{credential="main",tenant="other"} 5`)
	if strings.Contains(scrape(t, m), "late-") {
		t.Error("more tenants are shown apart")
	}
	// A tenant that was shown keeps its label.
	states[0].Tenants = map[string]float64{"tenant-7": 9, "late-1": 2}
	mustShow(t, m,
		`storekeeper_budget_tenant_used_calls{credential="main",tenant="tenant-7"} 9`,
		`storekeeper_budget_tenant_used_calls{credential="main",tenant="other"} 2`,
	)
}

func TestTenantsWithNamesThatAreNoLabelsAreShownTogether(t *testing.T) {
	m := newMetrics(t)
	err := m.WatchBudget(func() []telemetry.BudgetState {
		return []telemetry.BudgetState{{Credential: "main", Tenants: map[string]float64{"a\nb": 1, strings.Repeat("x", 200): 2, "team-a": 4}}}
	})
	if err != nil {
		t.Fatal(err)
	}
	mustShow(t, m,
		`storekeeper_budget_tenant_used_calls{credential="main",tenant="other"} 3`,
		`storekeeper_budget_tenant_used_calls{credential="main",tenant="team-a"} 4`,
	)
}

func TestBudgetsAreWatchedOnce(t *testing.T) {
	m := newMetrics(t)
	none := func() []telemetry.BudgetState { return nil }
	if err := m.WatchBudget(none); err != nil {
		t.Fatal(err)
	}
	if err := m.WatchBudget(none); err == nil {
		t.Error("they are watched twice")
	}
}
