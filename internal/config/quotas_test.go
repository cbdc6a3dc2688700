package config_test

import (
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/config"
)

func TestEachTenantHasOneIDAndEachIDOneTenant(t *testing.T) {
	const one, two = "quotas[0].", "quotas[1]."
	for name, c := range map[string]struct {
		sets []string
		want string
	}{
		"an id":                      {[]string{one + "tenant=a", one + "stores=1", one + "id=x"}, ""},
		"two tenants":                {[]string{one + "tenant=a", one + "stores=1", one + "id=x", two + "tenant=b", two + "stores=1"}, ""},
		"the same id":                {[]string{one + "tenant=a", one + "stores=1", one + "id=x", two + "tenant=b", two + "stores=1", two + "id=x"}, "quotas[1].id"},
		"the name of another":        {[]string{one + "tenant=a", one + "stores=1", two + "tenant=b", two + "stores=1", two + "id=a"}, "quotas[1].id"},
		"two ids of a tenant":        {[]string{one + "tenant=a", one + "stores=1", one + "account=main", one + "id=x", two + "tenant=a", two + "stores=1"}, "quotas[1].id"},
		"an id of all other tenants": {[]string{one + "tenant=*", one + "stores=1", one + "id=x"}, "quotas[0].id"},
		"an id with a blank":         {[]string{one + "tenant=a", one + "stores=1", one + "id=x y"}, "quotas[0].id"},
	} {
		_, err := config.Load(minimal, c.sets)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want a mistake at %q", name, err, c.want)
		}
	}
}
