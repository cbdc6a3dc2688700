package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// Cloudflare's limit for one user or account token (docs/configuration.md).
const cloudflareCalls, cloudflareWindow = 1200, 5 * time.Minute

// budget reports the call budget, and warns about a budget above Cloudflare's limit.
func (d *doctor) budget(c *config.Config) {
	b := c.Budget
	text := fmt.Sprintf("%d calls in %s for all replicas together", b.Calls, b.Window)
	if float64(b.Calls)/b.Window.Seconds() > float64(cloudflareCalls)/cloudflareWindow.Seconds() {
		d.warn("budget", text+"; Cloudflare allows 1200 in 5m to a token and then blocks it", "lower budget.calls, unless Cloudflare has raised your limit")
		return
	}
	d.ok("budget", text)
}

// accounts verifies each credential with Cloudflare, and makes a read with the credential.
func (d *doctor) accounts(ctx context.Context, c *config.Config) {
	client, err := newUpstream(c, upstream.Token{}, upstream.Config{})
	if err != nil {
		d.fail("credentials", err, "put the credential of each account into the file that accounts[].credential names")
		return
	}
	defer client.Close()
	for _, a := range client.Accounts() {
		d.account(ctx, client, a)
	}
}

func (d *doctor) account(ctx context.Context, client *upstream.Client, a upstream.AccountInfo) {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	check := "account " + a.Name
	verified, err := client.VerifyToken(ctx, a.ID)
	if err == nil && verified.Result.Status != "active" {
		err = errors.New("Cloudflare calls the credential " + verified.Result.Status)
	}
	d.report(check+" credential", err, verified.Result.Kind+" is active", accountFix(err))
	quota, err := client.Quota(ctx, a.ID)
	d.report(check+" quota", err, fmt.Sprintf("%d of %d secrets are in use", quota.Result.Secrets.Usage, quota.Result.Secrets.Quota), accountFix(err))
	if err == nil {
		d.clock(check+" clock", "Cloudflare", client.Ahead(a.ID))
	}
}

// accountFix returns the fix for a failed call to Cloudflare.
func accountFix(err error) string {
	f, known := errors.AsType[*fault.Error](err)
	switch {
	case err == nil:
		return ""
	case !known:
		return "make the token active again in Cloudflare's dashboard, or replace it"
	case f.Reason == fault.ReasonUpstreamCredentialRefused:
		return "replace the credential in accounts[].credential by one with the permission Account Secrets Store Edit for this account"
	case f.Kind == fault.Throttled:
		return "wait five minutes: others use up the calls of this credential"
	case f.Kind == fault.Unavailable:
		return "let this machine reach Cloudflare: check accounts[].base_url, DNS, network policy, firewall and the proxy variables of the environment"
	}
	return "check accounts[].id and accounts[].base_url, and Cloudflare's status page"
}
