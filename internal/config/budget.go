package config

import "time"

// Budget limits the calls to Cloudflare and shares them among tenants.
type Budget struct {
	// Calls is the number of calls of one credential in a window, from 1 to
	// 1,000,000.
	Calls int `yaml:"calls" doc:"Number of calls to Cloudflare that one credential may make in a window, from 1 to 1000000. Cloudflare allows a token 1200 in 5m and then blocks it. A lower number leaves room for other users of the credential." sample:"1200"`
	// Window is the length of a window, from 1 second to 1 hour.
	Window time.Duration `yaml:"window" doc:"Length of the window, from 1s to 1h. No window of this length ever has more calls." sample:"5m"`
	// PerSecond is the number of calls per second, up to 10,000. 0: no limit.
	PerSecond int `yaml:"per_second" doc:"Maximum number of calls per second, from 0 to 10000, because Cloudflare also limits the calls from one address. 0: no limit." sample:"200"`
	// MaxWait is the maximum wait of a call for a permit, up to a minute.
	MaxWait time.Duration `yaml:"max_wait" doc:"Longest time that a call waits for a permit, from 0s to 1m. A call that cannot get one by then, or by its deadline, is refused at once." sample:"20s"`
	// Weights are the tenants whose weight is not 1.
	Weights []Weight `yaml:"weights" live:"true" doc:"Tenants with a larger share of a budget that is short. A tenant that is not listed has weight 1."`
}

// Weight is the share of a tenant in a budget that is short.
type Weight struct {
	// Tenant is the name or id of a tenant, unique in the list.
	Tenant string `yaml:"tenant" doc:"Name or id of the tenant: 1 to 512 characters of ASCII without blanks. Unique." need:"required" example:"payments"`
	// Weight is the tenant's weight, from 1 to 1,000. A tenant with weight 4
	// gets four times as much as a tenant with weight 1.
	Weight int `yaml:"weight" doc:"Weight of the tenant, from 1 to 1000: with weight 4 it gets four times as much as a tenant with weight 1 while both want more." need:"required" example:"4"`
}

func (b *Budget) setDefaults() {
	b.Calls = 1200
	b.Window = 5 * time.Minute
	b.PerSecond = 200
	b.MaxWait = 20 * time.Second
}

// validate checks the budget. callers know the ids of tenants.
func (b *Budget) validate(callers *Callers, k section) {
	k.field("calls").within(b.Calls, 1, 1_000_000)
	if b.Window < time.Second || b.Window > time.Hour {
		k.field("window").fail("must be from 1s to 1h")
	}
	k.field("per_second").within(b.PerSecond, 0, 10_000)
	if b.MaxWait < 0 || b.MaxWait > time.Minute {
		k.field("max_wait").fail("must be from 0s to 1m")
	}
	k = k.field("weights")
	tenants := make([]string, len(b.Weights))
	for i, w := range b.Weights {
		w.validate(k.item(i))
		tenants[i] = callers.TenantID(w.Tenant)
	}
	k.unique("tenant", tenants)
}

func (w *Weight) validate(k section) {
	k.field("tenant").format(w.Tenant, tenantForm(), tenantRule)
	if w.Tenant == everyTenant {
		k.field("tenant").fail("must be one tenant; those that are not named have weight 1")
	}
	if at := k.field("weight"); at.isSet() {
		at.within(w.Weight, 1, 1000)
	} else {
		at.fail("is missing; it must be from 1 to 1000")
	}
}
