package main

import (
	"context"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/identity"
	"platform.internal/storekeeper/internal/live"
	"platform.internal/storekeeper/internal/telemetry"
)

// kindPolicy is the kind of the policy file. Package live has the other kinds.
const kindPolicy = "policy"

// reasonRefused is the reason of an audit record of a file that cannot be used.
const reasonRefused = "RELOAD_REFUSED"

// startReload keeps the live keys of the configuration up to date from now on.
func startReload(ctx context.Context, s settings, behind *engine, callers *authn.Authenticator) (*live.Reloader, error) {
	s.files.trail.Store(behind.state.trail)
	return live.Start(ctx, live.Config{
		Running: s.config, Files: s.files.Watcher, Report: s.files.reloaded,
		Apply: func(c *config.Config) error { return behind.apply(c, callers) },
	})
}

// apply puts the live keys of a configuration in force. Only the callers can be
// refused, so they come first.
func (e *engine) apply(c *config.Config, callers *authn.Authenticator) error {
	if err := callers.Replace(callersOf(c.Callers)); err != nil {
		return err
	}
	e.current.Store(c)
	e.limits.Replace(quotaRules(c))
	e.budgets.SetWeights(weightsOf(c))
	e.identity.SetAccounts(accountsOf(c))
	return nil
}

// accountsOf returns the accounts that callers can name.
func accountsOf(c *config.Config) []identity.Account {
	accounts := make([]identity.Account, 0, len(c.Accounts))
	for i := range c.Accounts {
		a := &c.Accounts[i]
		accounts = append(accounts, identity.Account{ID: a.ID, Name: a.Name, DisplayName: a.DisplayName})
	}
	return accounts
}

// reloaded notes in log and audit trail what became of a changed file.
func (f *watchedFiles) reloaded(e live.Reload) {
	about := []zap.Field{zap.String("kind", e.Kind), zap.String("file", e.File), zap.String("digest", e.After)}
	switch {
	case e.Err != nil:
		f.log.Error("the changed "+e.Kind+" file cannot be used; the content before stays in force", append(about, zap.Error(e.Err))...)
	case e.Before == e.After:
		f.log.Info("the "+e.Kind+" file is again as what is in force", about...)
	default:
		f.log.Info("the changed "+e.Kind+" file is in force", append(about, zap.String("digest_before", e.Before))...)
	}
	if len(e.Restart) > 0 {
		f.log.Warn("these keys of the configuration were changed and need a restart", zap.Strings("keys", e.Restart))
	}
	if trail := f.trail.Load(); trail != nil && e.Before != e.After {
		trail.Reload(reloadRecord(e))
	}
}

// reloadRecord is the audit record of a changed file.
func reloadRecord(e live.Reload) audit.Record {
	r := audit.Record{ID: telemetry.NewRequestID(), Action: e.Kind, Before: e.Before, After: e.After, Outcome: audit.Succeeded}
	if e.Err != nil {
		r.Outcome, r.Reason = audit.Failed, reasonRefused
	}
	return r
}

// followPolicy returns the rules of the policy file, and reloads them after a
// change.
func (f *watchedFiles) followPolicy(file string) (*authz.Rules, error) {
	return authz.Follow(file, f.Watcher, func(r authz.Reload) {
		f.reloaded(live.Reload{Kind: kindPolicy, File: file, Before: r.Before, After: r.After, Err: r.Err})
	})
}
