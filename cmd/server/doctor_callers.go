package main

import (
	"fmt"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/config"
)

// callers reports the callers, and warns about keys near their expiry and about
// tenants without callers.
func (d *doctor) callers(c *config.Config) {
	k := c.Callers
	d.ok("callers", fmt.Sprintf("%d API keys, %d issuers, %d client certificates", len(k.APIKeys), len(k.Issuers), len(k.Certificates)))
	for i := range k.APIKeys {
		d.keyExpiry(fmt.Sprintf("callers.api_keys[%d]", i), &k.APIKeys[i])
	}
	known := tenantsOf(k)
	warn := func(key, tenant string) {
		if tenant != "*" && !slices.Contains(known, tenant) {
			d.warn(key, "no caller has the tenant "+tenant, "correct the tenant here or at the callers")
		}
	}
	for i, t := range k.Tenants {
		warn(fmt.Sprintf("callers.tenants[%d].name", i), t.Name)
	}
	for i, q := range c.Quotas {
		warn(fmt.Sprintf("quotas[%d].tenant", i), q.Tenant)
	}
	for i, w := range c.Budget.Weights {
		warn(fmt.Sprintf("budget.weights[%d].tenant", i), w.Tenant)
	}
}

// keyExpiry warns about an API key that has expired or soon does: as early as about
// a certificate.
func (d *doctor) keyExpiry(check string, k *config.APIKey) {
	if k.Expires == 0 {
		return
	}
	ends := k.Expires.Time()
	early := renewBefore
	if k.NotBefore != 0 {
		early = min(early, ends.Sub(k.NotBefore.Time())/3)
	}
	left, at := time.Until(ends), ends.Format(time.RFC3339)
	switch {
	case left <= 0:
		d.warn(check, fmt.Sprintf("a key of %s expired at %s", k.Name, at), "take the entry out, or give the caller a new key: server apikey --name "+k.Name)
	case left < early:
		d.warn(check, fmt.Sprintf("a key of %s expires at %s, in %s", k.Name, at, formatDays(left)), "give the caller a second key, and take this one out once it is not used any more: server apikey --name "+k.Name)
	default:
		d.ok(check, fmt.Sprintf("a key of %s expires at %s, in %s", k.Name, at, formatDays(left)))
	}
}

// tenantsOf lists the names and ids of tenants that callers can have. A caller
// without a tenant counts as a tenant with the caller's name.
func tenantsOf(c config.Callers) []string {
	var known []string
	for _, k := range c.APIKeys {
		known = append(known, k.Tenant, c.TenantID(k.Tenant), k.Name)
	}
	for _, crt := range c.Certificates {
		known = append(known, crt.Tenant, c.TenantID(crt.Tenant), crt.Name)
	}
	for _, i := range c.Issuers {
		for _, s := range i.Subjects {
			known = append(known, s.Tenant, c.TenantID(s.Tenant), i.Name+":"+s.Match)
		}
	}
	return known
}
