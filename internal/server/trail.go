package server

import (
	"context"
	"errors"
	"slices"
	"strings"

	"platform.internal/storekeeper/internal/access"
	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/policy"
	"platform.internal/storekeeper/internal/telemetry"
)

// trail gathers what the audit trail is to say of one call while it runs. It
// belongs to the goroutine of the call.
type trail struct {
	// id links the records of the call. It is not the request id, which a
	// caller may choose and repeat.
	id      string
	caller  access.Principal
	action  string
	account string
	store   audit.Store
	secrets []audit.Secret
	// count is how many secrets there are, also where the list was cut.
	count    int
	decision audit.Decision
	// rules are those that allow the parts of the call.
	rules []string
	// intended says that the intent of the call is durable, so that an outcome
	// must follow.
	intended bool
	// partly says that not all of the call was judged, since validation refuses
	// it: it is too long or lacks a name.
	partly bool
}

type trailKey struct{}

// withTrail returns a context for a call that leaves a trail.
func withTrail(ctx context.Context, t *trail) context.Context {
	return context.WithValue(ctx, trailKey{}, t)
}

// trailFrom returns the trail of a call. Where there is none, it returns one
// that nobody reads.
func trailFrom(ctx context.Context) *trail {
	if t, ok := ctx.Value(trailKey{}).(*trail); ok {
		return t
	}
	return &trail{}
}

// target notes what the call is about: first the secrets that exist, then
// those to be made. Of a batch that is too long the first are noted.
func (t *trail) target(action, account string, about policy.Target) {
	t.action, t.account = action, account
	t.store = audit.Store{ID: about.StoreID, Name: about.StoreName}
	t.count = len(about.SecretIDs) + len(about.Secrets)
	for _, id := range about.SecretIDs[:min(len(about.SecretIDs), mostJudged)] {
		t.secrets = append(t.secrets, audit.Secret{ID: id})
	}
	for _, s := range about.Secrets[:min(len(about.Secrets), mostJudged)] {
		t.secrets = append(t.secrets, audit.Secret{Name: s.Name})
	}
}

func (t *trail) storeNamed(name string) { t.store.Name = name }

// secretsNamed notes the names of the secrets that exist.
func (t *trail) secretsNamed(names []string) {
	for i := range min(len(names), len(t.secrets)) {
		t.secrets[i].Name = names[i]
	}
}

// allowed notes a rule that allows a part of the call. Most calls need one.
func (t *trail) allowed(d authz.Decision) {
	if slices.Contains(t.rules, d.Rule) {
		return
	}
	t.rules = append(t.rules, d.Rule)
	t.decision = audit.Decision{Allowed: true, Rule: strings.Join(t.rules, ", ")}
}

func (t *trail) denied(id string) { t.decision = audit.Decision{ID: id} }

// record writes down what is known of the call now.
func (t *trail) record(ctx context.Context) audit.Record {
	f := telemetry.CallFrom(ctx).Facts()
	return audit.Record{
		ID: t.id, Caller: t.caller.Name, Tenant: t.caller.Tenant, Credential: string(t.caller.Kind),
		Method: f.Method, Action: t.action, Account: t.account, Store: t.store,
		Secrets: t.secrets, SecretCount: t.count, Decision: t.decision,
		RequestID: f.RequestID, Rays: f.Rays, Protocol: f.Protocol, Peer: f.Peer,
	}
}

// outcome says how a call ended, from its error. What may have happened is
// never called failed: only a fault is known to be a refusal.
func outcome(err error) audit.Outcome {
	if err == nil {
		return audit.Succeeded
	}
	f, judged := errors.AsType[*fault.Error](err)
	if !judged || f.Kind == fault.Internal || f.Reason == answerLost {
		return audit.Unknown
	}
	return audit.Failed
}
