package quota_test

import (
	"testing"

	"platform.internal/storekeeper/internal/quota"
	"platform.internal/storekeeper/internal/upstream"
)

func TestTheRuleThatIsNearestCounts(t *testing.T) {
	const second = "123e105f4ecef8ad9ca31a8372d0c353"
	n := func(n int) quota.Limit { return quota.Limit{Secrets: &n} }
	table := quota.NewTable([]quota.Rule{
		{Tenant: "*", Limit: n(1)},
		{Tenant: "*", Account: "second", Limit: n(2)},
		{Tenant: "payments", Limit: n(3)},
		{Tenant: "payments", Account: second, Limit: n(4)},
		{Tenant: "search", Account: "main", Limit: n(5)},
		{Tenant: "search", Account: "nowhere", Limit: n(6)},
	}, []upstream.AccountInfo{{ID: account, Name: "main"}, {ID: second, Name: "second"}})
	for _, test := range []struct {
		account, tenant string
		want            int
	}{
		{account, "anyone", 1},
		{second, "anyone", 2},
		{account, "payments", 3},
		{second, "payments", 4},
		{account, "search", 5},
		{second, "search", 2},
	} {
		limit, ok := table.Limit(test.account, test.tenant)
		if !ok || *limit.Secrets != test.want || limit.Stores != nil {
			t.Errorf("%s in %s has %v, want %d secrets", test.tenant, test.account, limit, test.want)
		}
	}
	if _, ok := table.Limit(account, ""); ok {
		t.Error("the service itself has a limit")
	}
}

func TestOnlyAccountsWithARuleAreLimited(t *testing.T) {
	const second = "123e105f4ecef8ad9ca31a8372d0c353"
	accounts := []upstream.AccountInfo{{ID: account, Name: "main"}, {ID: second, Name: "second"}}
	for name, test := range map[string]struct {
		rules       []quota.Rule
		main, other bool
	}{
		"no rule":             {nil, false, false},
		"a rule for one":      {[]quota.Rule{{Tenant: "a", Account: "main"}}, true, false},
		"a rule for each":     {[]quota.Rule{{Tenant: "a"}}, true, true},
		"a rule for no other": {[]quota.Rule{{Tenant: "a", Account: "none"}}, false, false},
	} {
		table := quota.NewTable(test.rules, accounts)
		if table.Limited(account) != test.main || table.Limited(second) != test.other {
			t.Errorf("%s: main is %v and the other %v", name, table.Limited(account), table.Limited(second))
		}
	}
}

func TestALimitThatIsReplacedHoldsForTheNextChange(t *testing.T) {
	f, kept := newCloudflare(100), newMemory()
	rules := func(n int) []quota.Rule { return []quota.Rule{{Tenant: "a", Limit: quota.Limit{Secrets: &n}}} }
	table := quota.NewTable(rules(2), f.Accounts())
	c := config(f, kept, nil)
	c.Limits, c.Limited = table.Limit, table.Limited
	counted := with(f, c)
	must(t, counted, "a", 2)
	refused(t, counted, "a", 1)
	table.Replace(rules(3))
	must(t, counted, "a", 1)
	refused(t, counted, "a", 1)
	table.Replace(rules(1))
	refused(t, counted, "a", 1)
	table.Replace(nil)
	must(t, counted, "a", 5)
}
