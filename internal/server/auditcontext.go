package server

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/settle"
	"platform.internal/storekeeper/internal/telemetry"
	"platform.internal/storekeeper/internal/upstream"
)

// auditContext gathers what the audit trail is to say of one call while it runs. It
// belongs to the goroutine of the call, and from its intent on to that of the
// change, which may outlive the call.
type auditContext struct {
	// id is what name gives, "" until it is asked for.
	id      string
	caller  authn.Principal
	action  string
	account string
	store   audit.Store
	secrets []audit.Secret
	// count is how many secrets there are, also where the list was cut.
	count    int
	decision audit.Decision
	// policy is the digest of the rules that decided.
	policy string
	// changed are the fields that an update sets.
	changed []string
	// rules are those that allow the parts of the call.
	rules []string
	// forced says that the call may do more than to the objects it names, as
	// deleting a store with all that is in it does.
	forced bool
	// call is what a change that may come again is known by, nil for others.
	call *idempotency.Call
	// bytesCounted says that what the call makes durable was counted.
	bytesCounted bool
	// incomplete says that not all of the call was judged, since validation refuses
	// it: it is too long or lacks a name.
	incomplete bool
	// failure is the fault that the call ended in, with its private cause, for the
	// log: what the interceptors above faultToStatus see is the public half. It
	// stays with the goroutine of the call, also where the change outlives that.
	failure error
}

// recordID links the records of the call. It is not the request id, which a caller
// may choose and repeat. Most calls leave no record and need none.
func (t *auditContext) recordID() string {
	if t.id == "" {
		t.id = telemetry.NewRequestID()
	}
	return t.id
}

type auditKey struct{}

// withAudit returns a context for a call that leaves a trail.
func withAudit(ctx context.Context, t *auditContext) context.Context {
	return context.WithValue(ctx, auditKey{}, t)
}

// auditFrom returns the trail of a call. Where there is none, it returns one
// that nobody reads.
func auditFrom(ctx context.Context) *auditContext {
	if t, ok := ctx.Value(auditKey{}).(*auditContext); ok {
		return t
	}
	return &auditContext{}
}

// setTarget notes what the call is about: first the secrets that exist, then
// those to be made. Of a batch that is too long the first are noted.
func (t *auditContext) setTarget(action, account string, about contract.Target) {
	t.action, t.account = action, account
	t.store = audit.Store{ID: about.StoreID, Name: about.StoreName}
	t.count = len(about.SecretIDs) + len(about.Secrets)
	for _, id := range about.SecretIDs[:min(len(about.SecretIDs), maxObjects)] {
		t.secrets = append(t.secrets, audit.Secret{ID: id})
	}
	for _, s := range about.Secrets[:min(len(about.Secrets), maxObjects)] {
		t.secrets = append(t.secrets, audit.Secret{Name: s.Name})
	}
}

func (t *auditContext) setStoreName(name string) { t.store.Name = name }

// setSecretNames notes the names of the secrets that exist.
func (t *auditContext) setSecretNames(names []string) {
	for i := range min(len(names), len(t.secrets)) {
		t.secrets[i].Name = names[i]
	}
}

// knownNames gives the names behind the identifiers of the call as far as they are
// known: that of the store under "", those of secrets under their identifiers.
func (t *auditContext) knownNames() map[string]string {
	known := map[string]string{}
	if t.store.ID != "" && t.store.Name != "" {
		known[""] = t.store.Name
	}
	for _, s := range t.secrets {
		if s.ID != "" && s.Name != "" {
			known[s.ID] = s.Name
		}
	}
	return known
}

// addAllowed notes a rule that allows a part of the call. Most calls need one.
func (t *auditContext) addAllowed(d authz.Decision) {
	t.policy = d.Policy
	if slices.Contains(t.rules, d.Rule) {
		return
	}
	t.rules = append(t.rules, d.Rule)
	t.decision = audit.Decision{Allowed: true, Rule: strings.Join(t.rules, ", ")}
}

func (t *auditContext) setDenied(id string) { t.decision = audit.Decision{ID: id} }

// setPolicy notes the digest of the rules that refuse a call.
func (t *auditContext) setPolicy(d authz.Decision) { t.policy = d.Policy }

// fingerprint notes of each value, in the order of the secrets that get them,
// what tells it from others.
func (t *auditContext) fingerprint(values []string, of func(string) string) {
	if len(values) != len(t.secrets) {
		return
	}
	for i, v := range values {
		t.secrets[i].Fingerprint = of(v)
	}
}

// shorten leaves in a denial what tells it apart. Its texts were never held
// against a rule, and a caller can be refused as often as it likes: a record
// must not let it fill the disk.
func (t *auditContext) shorten() {
	t.secrets = slices.Clone(t.secrets[:min(len(t.secrets), maxNamed)])
	for i, s := range t.secrets {
		t.secrets[i].Name = printable(s.Name)
	}
	t.store.Name = printable(t.store.Name)
}

// printable gives a name as far as an object can have it.
func printable(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
	return plain[:min(len(plain), maxQuoted)]
}

// record writes down what is known of the call now.
func (t *auditContext) record(ctx context.Context) audit.Record {
	f := telemetry.CallFrom(ctx).Facts()
	r := audit.Record{
		ID: t.recordID(), Caller: t.caller.Name, Tenant: t.caller.Tenant, Credential: string(t.caller.Kind),
		Method: f.Method, Action: t.action, Account: t.account, Store: t.store,
		Secrets: t.secrets, SecretCount: t.count, Decision: t.decision,
		Policy: t.policy, Changed: t.changed,
		RequestID: f.RequestID, Rays: f.Rays, Protocol: f.Protocol, Peer: f.Peer,
	}
	if shown := t.caller.Credential; shown != nil {
		r.Issuer, r.Subject = shown.Issuer, shown.Subject
		// A certificate has a serial number in place of jti, and no claims.
		if shown.IssuerName != "" {
			r.JTI, r.RunID = shown.ID, shown.Claims["run_id"]
		}
	}
	return r
}

// outcome says how the call ended, from its error. What may have happened is
// never called failed: only a fault is known to be a refusal, and Cloudflare
// does not say whether of a refused batch nothing was done.
func (t *auditContext) outcome(err error) audit.Outcome {
	if err == nil {
		return audit.Succeeded
	}
	f, judged := errors.AsType[*fault.Error](err)
	if !judged || f.Kind == fault.Internal || upstream.Unproven(f) || errors.Is(err, settle.ErrSentBefore) {
		return audit.Unknown
	}
	if (t.count > 1 || t.forced) && executed(f) {
		return audit.Unknown
	}
	return audit.Failed
}

// executed says whether Cloudflare refused what it was asked to do, and not the
// call before it looked at it.
func executed(f *fault.Error) bool {
	switch f.Kind {
	case fault.BadInput, fault.NameTaken, fault.LimitReached, fault.NotEmpty, fault.Upstream:
		return true
	case fault.NotFound:
		return f.Reason != "STORE_NOT_FOUND"
	default:
		return false
	}
}
