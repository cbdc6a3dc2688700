package server

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/telemetry"
	"platform.internal/storekeeper/internal/upstream"
)

// auditContext collects the audit facts of a call. The goroutine of the call owns the auditContext.
// From the intent on, the goroutine of the change owns the auditContext, and may outlive the call.
type auditContext struct {
	// id is the identifier of the call's audit records, or "" until recordID is called.
	id      string
	caller  authn.Principal
	action  string
	account string
	store   audit.Store
	secrets []audit.Secret
	// count is the number of secrets of the call. The list secrets may be shorter.
	count    int
	decision audit.Decision
	// policy is the digest of the policy file that decided.
	policy string
	// changed are the names of the fields that an update sets.
	changed []string
	// replayed reports that the answer is the stored answer of an earlier call. answer has the age
	// of a read. Both are for the headers of the answer.
	replayed bool
	answer   *scope.FreshnessRecorder
	// rules are the ids of the rules that allow the parts of the call. firstRule is memory for one.
	rules     []string
	firstRule [1]string
	// forced reports that the call affects more objects than the request names, as a forced
	// deletion of a store does.
	forced bool
	// request is the request whose resources target holds.
	request proto.Message
	target  contract.Target
	// call identifies a change, so that a repeat is recognised. Nil for other calls. changeOf completes it.
	call *idempotency.Call
	// repeatable loads the names of the objects of a repeated change from the record of the first
	// call. Nil for an inner call and for a call that cannot be a repeat.
	repeatable *repeatable
	// bytesCounted reports that the bytes that the change writes were charged to the tenant.
	bytesCounted bool
	// inner is the inner call of this auditContext. Nil for the call of a caller.
	inner *InnerCall
	// given holds the names that the caller sent for the identifiers of an inner call: the store's
	// name under "", and the names of secrets under their identifiers.
	given map[string]string
	// incomplete reports that not every object of the call was authorised, because the batch is too
	// long or an object has no name. Validation refuses such a call.
	incomplete bool
	// failure is the fault that ended the call, with the private cause, for the log. The
	// interceptors outside faultToStatus see only the public part. The goroutine of the call owns
	// failure, even if the change outlives the call.
	failure error
}

// targetOf returns the resources of the request of the call. It reads a request once, and so the request must
// not be modified.
func (t *auditContext) targetOf(m *contract.Method, request proto.Message) *contract.Target {
	if t.request != request {
		t.request, t.target = request, m.Target(request)
	}
	return &t.target
}

// dropRequest releases the request. Work in the background may keep the context of the call for longer than
// the memory of the request is counted.
func (t *auditContext) dropRequest() {
	t.request = nil
	if r := t.repeatable; r != nil {
		r.request, t.repeatable = nil, nil
	}
}

// recordID returns the identifier that links the audit records of the call. The request id is not
// suitable, because callers may choose and repeat it. The identifier is created on demand, because
// most calls leave no record.
func (t *auditContext) recordID() string {
	if t.id == "" {
		t.id = telemetry.NewRequestID()
	}
	return t.id
}

type auditKey struct{}

// withAudit returns a context with the audit context of a call.
func withAudit(ctx context.Context, t *auditContext) context.Context {
	return context.WithValue(ctx, auditKey{}, t)
}

// auditFrom returns the audit context of a call. If ctx has none, auditFrom returns a new one,
// which is then unused.
func auditFrom(ctx context.Context) *auditContext {
	if t, ok := ctx.Value(auditKey{}).(*auditContext); ok {
		return t
	}
	return unusedAudit()
}

// unusedAudit returns a new auditContext. It is not inlined, because the auditContext would then take space on
// the stack of every caller of auditFrom.
//
//go:noinline
func unusedAudit() *auditContext { return &auditContext{} }

// setTarget records the objects of the call: first the existing secrets, then the new secrets. Of a
// batch that is too long, setTarget records the first maxObjects.
func (t *auditContext) setTarget(action, account string, about contract.Target) {
	t.action, t.account = action, account
	t.store = audit.Store{ID: about.StoreID, Name: cmp.Or(about.StoreName, about.InStore)}
	t.count = len(about.SecretIDs) + len(about.Secrets)
	for _, id := range about.SecretIDs[:min(len(about.SecretIDs), maxObjects)] {
		t.secrets = append(t.secrets, audit.Secret{ID: id})
	}
	for _, s := range about.Secrets[:min(len(about.Secrets), maxObjects)] {
		t.secrets = append(t.secrets, audit.Secret{Name: s.Name})
	}
}

func (t *auditContext) setStoreName(name string) { t.store.Name = name }

// setSecretNames records the names of the existing secrets.
func (t *auditContext) setSecretNames(names []string) {
	for i := range min(len(names), len(t.secrets)) {
		t.secrets[i].Name = names[i]
	}
}

// knownNames returns the known names by identifier: the store's name under "", and the names of
// secrets under their identifiers. names are names of secrets that were resolved later.
func (t *auditContext) knownNames(names map[string]string) map[string]string {
	if t.store.ID == "" && len(t.secrets) == 0 {
		// A new store.
		return names
	}
	known := map[string]string{}
	if t.store.ID != "" && t.store.Name != "" {
		known[""] = t.store.Name
	}
	for _, s := range t.secrets {
		if s.ID != "" && s.Name != "" {
			known[s.ID] = s.Name
		}
	}
	maps.Copy(known, names)
	return known
}

// addAllowed records a rule that allows a part of the call. Most calls need one rule.
func (t *auditContext) addAllowed(d authz.Decision) {
	t.policy = d.Policy
	if slices.Contains(t.rules, d.Rule) {
		return
	}
	if t.rules == nil {
		t.rules = t.firstRule[:0]
	}
	t.rules = append(t.rules, d.Rule)
	t.decision = audit.Decision{Allowed: true, Rule: strings.Join(t.rules, ", ")}
}

func (t *auditContext) setDenied(id string) { t.decision = audit.Decision{ID: id} }

// setPolicy records the digest of the policy that refuses a call.
func (t *auditContext) setPolicy(d authz.Decision) { t.policy = d.Policy }

// fingerprint records the keyed fingerprint of each value, in the order of the secrets.
func (t *auditContext) fingerprint(values []string, of func(string) string) {
	if len(values) != len(t.secrets) {
		return
	}
	for i, v := range values {
		t.secrets[i].Fingerprint = of(v)
	}
}

// shorten reduces a denial to the identifying facts. The texts were not validated and the number of
// refusals is unlimited, so the records must be small.
func (t *auditContext) shorten() {
	t.secrets = slices.Clone(t.secrets[:min(len(t.secrets), maxNamed)])
	for i, s := range t.secrets {
		t.secrets[i].Name = printable(s.Name)
	}
	t.store.Name = printable(t.store.Name)
}

// printable returns a name shortened and with unprintable characters replaced.
func printable(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
	return plain[:min(len(plain), maxQuoted)]
}

// record returns the audit record with the facts known so far.
func (t *auditContext) record(ctx context.Context) audit.Record {
	f := telemetry.CallFrom(ctx).Facts()
	r := audit.Record{
		ID: t.recordID(), Caller: t.caller.Name, Tenant: t.caller.Tenant, TenantID: t.caller.TenantID, Credential: string(t.caller.Kind),
		Method: f.Method, Action: t.action, Account: t.account, Store: t.store,
		Secrets: t.secrets, SecretCount: t.count, Decision: t.decision,
		Policy: t.policy, Changed: t.changed,
		RequestID: f.RequestID, TraceID: f.TraceID, Rays: f.Rays, Protocol: f.Protocol, Peer: f.Peer,
	}
	if shown := t.caller.Credential; shown != nil {
		r.Issuer, r.Subject = shown.Issuer, shown.Subject
		// A certificate has a serial number in place of jti.
		if shown.IssuerName != "" {
			r.JTI, r.RunID = shown.ID, shown.RunID
		}
	}
	return r
}

// outcome returns how the call ended. If Cloudflare may have changed anything, the outcome is
// Unknown and not Failed: only a fault is a proven refusal, and Cloudflare does not document
// whether a refused batch changed anything.
func (t *auditContext) outcome(err error) audit.Outcome {
	if err == nil {
		return audit.Succeeded
	}
	f, judged := errors.AsType[*fault.Error](err)
	if !judged || f.Kind == fault.Internal || upstream.Unproven(f) || errors.Is(err, change.ErrSentBefore) {
		return audit.Unknown
	}
	if (t.count > 1 || t.forced) && executed(f) {
		return audit.Unknown
	}
	return audit.Failed
}

// executed reports whether Cloudflare refused the operation itself, as opposed to the call before
// the operation was examined.
func executed(f *fault.Error) bool {
	switch f.Kind {
	case fault.BadInput, fault.NameTaken, fault.LimitReached, fault.NotEmpty, fault.Upstream:
		return true
	case fault.NotFound:
		return f.Reason != fault.ReasonStoreNotFound
	default:
		return false
	}
}
