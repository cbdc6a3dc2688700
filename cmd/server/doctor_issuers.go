package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/config"
)

// maxSkew is how far two clocks may differ. Tokens that become valid later than
// this are refused. Half of it gives a warning.
const maxSkew = 30 * time.Second

// callers reports who can call, and warns about tenants that no caller has.
func (d *doctor) callers(c *config.Config) {
	k := c.Callers
	d.ok("callers", fmt.Sprintf("%d API keys, %d issuers, %d client certificates", len(k.APIKeys), len(k.Issuers), len(k.Certificates)))
	known := tenantsOf(k)
	for i, q := range c.Quotas {
		if q.Tenant != "*" && !slices.Contains(known, q.Tenant) {
			d.warn(fmt.Sprintf("quotas[%d].tenant", i), "no caller has the tenant "+q.Tenant, "correct the tenant here or at the callers")
		}
	}
	for i, w := range c.Budget.Weights {
		if !slices.Contains(known, w.Tenant) {
			d.warn(fmt.Sprintf("budget.weights[%d].tenant", i), "no caller has the tenant "+w.Tenant, "correct the tenant here or at the callers")
		}
	}
}

// tenantsOf lists the tenants that callers can have. A caller without a tenant
// is a tenant of its own name.
func tenantsOf(c config.Callers) []string {
	var known []string
	for _, k := range c.APIKeys {
		known = append(known, k.Tenant, k.Name)
	}
	for _, crt := range c.Certificates {
		known = append(known, crt.Tenant, crt.Name)
	}
	for _, i := range c.Issuers {
		for _, s := range i.Subjects {
			known = append(known, s.Tenant, i.Name+":"+s.Match)
		}
	}
	return known
}

// issuers reads the keys of each issuer as the service does.
func (d *doctor) issuers(ctx context.Context, list config.Callers) {
	for _, i := range issuers(list) {
		check := "issuer " + i.Name
		state := authn.CheckIssuer(ctx, i)
		if state.Err != nil {
			d.fail(check, state.Err, cmp.Or(authn.FixOf(state.Err), "correct the entry of the issuer in callers.issuers"))
		} else {
			d.ok(check, fmt.Sprintf("%d keys from %s", state.Keys, cmp.Or(state.KeysURL, i.JWKSFile)))
		}
		if state.ClockKnown {
			d.clock(check+" clock", "the issuer", state.ClockAhead)
		}
		if !state.CertificateEnds.IsZero() {
			d.checkExpiry(check+" certificate", hostOf(state.URL), state.CertificateBegins, state.CertificateEnds)
		}
	}
}

// clock compares the clock of another machine with that of this one.
func (d *doctor) clock(check, whose string, ahead time.Duration) {
	text := fmt.Sprintf("the clock of %s is within a few seconds of this machine's", whose)
	apart := ahead.Abs().Round(time.Second)
	direction := "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	const fix = "set the clock of this machine, best by NTP"
	switch {
	case apart > maxSkew:
		d.fail(check, fmt.Errorf("the clock of %s is %s %s this machine's; times of tokens and answers are judged wrong", whose, apart, direction), fix)
	case apart > maxSkew/2:
		d.warn(check, fmt.Sprintf("the clock of %s is %s %s this machine's", whose, apart, direction), fix)
	default:
		d.ok(check, text)
	}
}

func hostOf(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}
