package server

import (
	"cmp"
	"encoding/json"
	"slices"

	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/idempotency"
)

// changeMethod is the prefix of the methods that make changes. The prefix and the kind of a change
// are the full name of the change's method.
const changeMethod = "/secretsstore.v1.SecretsStoreService/"

// addNames records the names of secrets that were resolved without a rule that needs them.
func (t *auditContext) addNames(names map[string]string) {
	for i, s := range t.secrets {
		if s.ID != "" && s.Name == "" {
			t.secrets[i].Name = names[s.ID]
		}
	}
}

// addCreatedIDs records the identifiers of the created objects in the answer of a change, and
// returns them.
func (t *auditContext) addCreatedIDs(answer any) []string {
	var secrets []*secretsstorev1.Secret
	switch a := answer.(type) {
	case *secretsstorev1.CreateStoreResponse:
		t.store.ID = cmp.Or(t.store.ID, a.GetStore().GetId())
		return []string{a.GetStore().GetId()}
	case *secretsstorev1.CreateSecretsResponse:
		secrets = a.GetSecrets()
	case *secretsstorev1.DuplicateSecretResponse:
		secrets = []*secretsstorev1.Secret{a.GetSecret()}
	}
	if len(secrets) > 0 {
		// The record of the intent shares the list.
		t.secrets = slices.Clone(t.secrets)
	}
	ids := make([]string, len(secrets))
	for i, s := range secrets {
		ids[i] = s.GetId()
		at := slices.IndexFunc(t.secrets, func(known audit.Secret) bool { return known.ID == "" && known.Name == s.GetName() })
		if at >= 0 {
			t.secrets[at].ID = s.GetId()
		}
	}
	return ids
}

// Recovered returns the audit record of a change whose process has ended, based on the intent and
// the answer of the change. The caller sets the outcome.
func (r *Rights) Recovered(i idempotency.Intent, body []byte) audit.Record {
	t := &auditContext{}
	record := audit.Record{ID: i.ID, RequestID: i.RequestID, TraceID: i.TraceID, Caller: i.Caller, Method: i.Method}
	switch {
	case i.TenantName != "":
		record.Tenant, record.TenantID = i.TenantName, i.Tenant
	case i.Tenant != i.Caller:
		// A caller without a tenant is a tenant of its own.
		record.Tenant = i.Tenant
	}
	var op change.Op
	if json.Unmarshal(i.Op, &op) != nil {
		return record
	}
	// The method of the intent may be a method that decides between several changes.
	method := r.Methods[changeMethod+string(op.Kind)]
	if method == nil {
		return record
	}
	account, _ := r.Names.Account(op.Account)
	t.setTarget(method.Action, cmp.Or(account, op.Account), targetOf(&op))
	t.store.Name = cmp.Or(t.store.Name, i.Names[""])
	for n := range t.secrets {
		if name := i.Names[t.secrets[n].ID]; t.secrets[n].ID != "" && name != "" {
			t.secrets[n].Name = name
		}
	}
	if answer, err := Unpack(body); err == nil && len(body) > 0 {
		t.addCreatedIDs(answer)
	}
	record.Action, record.Account, record.Store = t.action, t.account, t.store
	record.Secrets, record.SecretCount, record.Changed = t.secrets, t.count, op.Changed()
	return record
}

// tenantName returns the name of a caller's tenant if the name differs from the id.
func tenantName(p *authn.Principal) string {
	if p.TenantID == "" || p.TenantID == p.Tenant {
		return ""
	}
	return p.Tenant
}

// opOf returns the change that a request asks for.
func (r *Rights) opOf(request proto.Message) change.Op {
	if r.Op == nil {
		return change.Op{}
	}
	op, _, _ := r.Op(request)
	return op
}

// targetOf returns the resources of a change as named in the request.
func targetOf(op *change.Op) contract.Target {
	about := contract.Target{Account: op.Account, StoreID: op.StoreID, StoreName: op.StoreName, SecretIDs: op.SecretIDs}
	for _, s := range op.Secrets {
		about.Secrets = append(about.Secrets, contract.CreatedSecret{Name: s.Name, Scopes: s.Scopes})
	}
	return about
}
