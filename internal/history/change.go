// Package history finds changes in the audit trail. It joins the intent of a change with its outcome,
// filters, and returns pages, newest first.
//
// This package must not know where the trail and its index are stored, nor any protocol.
package history

import (
	"slices"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// Open is the outcome of a change that has no outcome record yet: the change is in progress, or its process
// ended and recovery is pending.
const Open audit.Outcome = "open"

// Outcome is the type of Filter.Outcome.
type Outcome = audit.Outcome

// Outcomes are the words that Change.Outcome may have.
func Outcomes() []audit.Outcome {
	return []audit.Outcome{audit.Succeeded, audit.Failed, audit.Unknown, audit.NotSent, Open}
}

// Change is the intent of a change, joined with its outcome.
type Change struct {
	// IntentSeq and OutcomeSeq are the sequence numbers of the records, 0 if there is none.
	IntentSeq, OutcomeSeq uint64
	// Begun is the start of the change. Ended is the time of its outcome record, zero while the change is
	// open.
	Begun, Ended time.Time
	// Record combines intent and outcome, including identifiers that only the outcome has. Without an outcome
	// record, its Outcome is Open.
	Record audit.Record
	// Recovered says that recovery wrote the outcome after the process of the change had ended.
	Recovered bool

	// intentKeys are the index keys of the intent.
	intentKeys []audit.Key
}

// join makes a change from its lines. outcome is nil if there is none.
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

// withFingerprints copies the fingerprints of the intent, because an outcome written by recovery lacks them.
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

// Filter selects changes. The zero value selects all.
type Filter struct {
	// Secret and Store are a name or an identifier.
	Secret, Store string
	// Tenant is a name or an id of a tenant. Caller and Account are names as in the trail.
	Tenant, Caller, Account string
	// Outcome is one of Outcomes.
	Outcome Outcome
	// Since (inclusive) and Until (exclusive) bound the start of the change.
	Since, Until time.Time
}

// wants reports whether a change passes the filter. stores are additional identifiers of the wanted store.
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

// keys returns index keys that find all changes that the filter wants.
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
