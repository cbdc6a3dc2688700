// Package history finds changes in the audit trail: it joins the intent of a change
// with its outcome, filters, and gives pages, newest first.
//
// It must not know where the trail and its index are, nor any protocol.
package history

import (
	"slices"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// Open is the outcome of a change that has none yet: it is under way, or its process
// ended and recovery has not found out yet.
const Open audit.Outcome = "open"

// Outcome is the type of Filter.Outcome.
type Outcome = audit.Outcome

// Outcomes are the words that Change.Outcome may have.
func Outcomes() []audit.Outcome {
	return []audit.Outcome{audit.Succeeded, audit.Failed, audit.Unknown, audit.NotSent, Open}
}

// Change is the intent of a change, joined with its outcome.
type Change struct {
	// IntentSeq and OutcomeSeq are the numbers of its records, 0 where there is none.
	IntentSeq, OutcomeSeq uint64
	// Begun is when the change began, and Ended when its outcome was recorded, zero
	// while it is open.
	Begun, Ended time.Time
	// Record has who asked for what, with the outcome and with the identifiers that
	// are known since then. Its Outcome is Open where there is none.
	Record audit.Record
	// Recovered says that recovery wrote the outcome, after the process of the change
	// had ended.
	Recovered bool

	// intentKeys are the keys of the intent alone.
	intentKeys []audit.Key
}

// join makes a change of its lines. outcome is nil where there is none.
func join(intent, outcome *audit.Entry) Change {
	c := Change{Record: intent.Record, Begun: intent.Record.Time}
	switch {
	case intent.Record.Kind == audit.KindOutcome:
		c.OutcomeSeq, c.Ended = intent.Seq, intent.Record.Time
		outcome = intent
	case outcome == nil:
		c.IntentSeq = intent.Seq
		c.Record.Outcome = Open
		return c
	default:
		c.IntentSeq, c.OutcomeSeq, c.Ended = intent.Seq, outcome.Seq, outcome.Record.Time
	}
	o := &outcome.Record
	c.Record.Outcome, c.Record.Reason, c.Record.Code, c.Record.Rays = o.Outcome, o.Reason, o.Code, o.Rays
	// Recovery does not know the credential of the caller.
	c.Recovered = o.Credential == ""
	if o.Store.ID != "" {
		c.Record.Store.ID = o.Store.ID
	}
	if o.Store.Name != "" {
		c.Record.Store.Name = o.Store.Name
	}
	if len(o.Secrets) >= len(c.Record.Secrets) {
		c.Record.Secrets = withFingerprints(o.Secrets, c.Record.Secrets)
		c.Record.SecretCount = max(c.Record.SecretCount, o.SecretCount)
	}
	return c
}

// withFingerprints keeps the fingerprints of an intent, which an outcome that
// recovery wrote has not.
func withFingerprints(of, from []audit.Secret) []audit.Secret {
	if len(from) != len(of) {
		return of
	}
	of = slices.Clone(of)
	for i := range of {
		if of[i].Fingerprint == "" && of[i].Name == from[i].Name {
			of[i].Fingerprint = from[i].Fingerprint
		}
	}
	return of
}

// Filter says which changes are wanted. Its zero value means all.
type Filter struct {
	// Secret and Store are a name or an identifier.
	Secret, Store string
	// Tenant is a name or an id of a tenant, Caller and Account are names as the trail
	// has them.
	Tenant, Caller, Account string
	// Outcome is one of Outcomes.
	Outcome Outcome
	// Since and Until bound when the change began: not before Since, and before Until.
	Since, Until time.Time
}

// wants says whether a change passes the filter. stores are further identifiers of
// the store that is wanted.
func (f *Filter) wants(c *Change, stores []string) bool {
	r := &c.Record
	switch {
	case f.Tenant != "" && r.Tenant != f.Tenant && r.TenantID != f.Tenant,
		f.Caller != "" && r.Caller != f.Caller,
		f.Account != "" && r.Account != f.Account,
		f.Outcome != "" && r.Outcome != f.Outcome,
		!f.Since.IsZero() && c.Begun.Before(f.Since),
		!f.Until.IsZero() && !c.Begun.Before(f.Until):
		return false
	}
	return (f.Store == "" || isStore(r, f.Store, stores)) && (f.Secret == "" || hasSecret(r, f.Secret))
}

func isStore(r *audit.Record, store string, ids []string) bool {
	return r.Store.ID == store || r.Store.Name == store || slices.Contains(ids, r.Store.ID)
}

func hasSecret(r *audit.Record, secret string) bool {
	return slices.ContainsFunc(r.Secrets, func(s audit.Secret) bool { return s.ID == secret || s.Name == secret })
}

// keys are the keys by which the changes that a filter wants are found. Each change
// that is wanted has one of them.
func (f *Filter) keys(stores []string) []audit.Key {
	switch {
	case f.Secret != "":
		return []audit.Key{audit.KeyOf(audit.KeySecret, f.Secret)}
	case f.Caller != "":
		return []audit.Key{audit.KeyOf(audit.KeyCaller, f.Caller)}
	case f.Store != "":
		keys := []audit.Key{audit.KeyOf(audit.KeyStore, f.Store)}
		for _, id := range stores {
			keys = append(keys, audit.KeyOf(audit.KeyStore, id))
		}
		return keys
	case f.Tenant != "":
		return []audit.Key{audit.KeyOf(audit.KeyTenant, f.Tenant)}
	default:
		return []audit.Key{audit.KeyOf(audit.KeyAll, "")}
	}
}
