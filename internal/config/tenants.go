package config

import "slices"

// Tenant assigns an id to a tenant.
type Tenant struct {
	// Name is the name of the tenant in callers and rules.
	Name string `yaml:"name" doc:"Name of the tenant, as callers and rules have it. Unique." need:"required" example:"payments"`
	// ID is the key of quotas, weights and usage.
	ID string `yaml:"id" doc:"Stable id of the tenant, such as the first name that it had. The format of the name of an API key applies. Unique, and not the name of another tenant." need:"required" example:"payments-2024"`
}

// TenantID returns the id of a tenant, by name. The default is the name.
func (c *Callers) TenantID(name string) string {
	for i := range c.Tenants {
		if c.Tenants[i].Name == name {
			return c.Tenants[i].ID
		}
	}
	return name
}

// validateTenants checks each tenant, and that ids are unique.
func (c *Callers) validateTenants(k section) {
	at := k.field("tenants")
	names, ids := make([]string, len(c.Tenants)), make([]string, len(c.Tenants))
	owner := map[string]int{}
	for i, t := range c.Tenants {
		at.item(i).field("name").format(t.Name, callerForm(), callerRule)
		at.item(i).field("id").format(t.ID, callerForm(), callerRule)
		names[i], ids[i] = t.Name, t.ID
		owner[t.ID] = i
	}
	at.unique("name", names)
	at.unique("id", ids)
	// The id of an unlisted tenant is its name.
	told, named := map[int]bool{}, map[string]bool{}
	for _, p := range c.payers(k) {
		if !p.tenant && slices.Contains(names, p.name) && !named[p.name] {
			named[p.name] = true
			at.item(slices.Index(names, p.name)).field("name").fail("is the name of a caller without a tenant, in " + p.at.key + "; give that caller a tenant")
		}
		i, taken := owner[p.name]
		if taken && c.Tenants[i].Name != p.name && c.TenantID(p.name) == p.name && !told[i] {
			told[i] = true
			at.item(i).field("id").fail("is the name of another tenant, in " + p.at.key + ", whose id it would be too; give one of the two an id of its own here")
		}
	}
}

// payer is the name of a tenant, and the position of that name.
type payer struct {
	at   section
	name string
	// tenant is false for a caller without a tenant.
	tenant bool
}

// payers lists the tenants of callers. A caller without a tenant counts as a tenant with the caller's name.
func (c *Callers) payers(k section) []payer {
	var all []payer
	add := func(at section, tenant, name string) {
		if tenant != "" {
			all = append(all, payer{at.field("tenant"), tenant, true})
		} else if name != "" {
			all = append(all, payer{at.field("name"), name, false})
		}
	}
	for i, a := range c.APIKeys {
		add(k.field("api_keys").item(i), a.Tenant, a.Name)
	}
	for i, a := range c.Certificates {
		add(k.field("certificates").item(i), a.Tenant, a.Name)
	}
	for i := range c.Issuers {
		for j, s := range c.Issuers[i].Subjects {
			// The name of such a caller has a colon, which no id has.
			add(k.field("issuers").item(i).field("subjects").item(j), s.Tenant, "")
		}
	}
	return all
}
