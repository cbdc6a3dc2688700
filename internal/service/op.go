package service

import (
	"slices"

	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

// Op returns the change that a request asks for, and the values of the change. It returns false for
// a request that changes nothing.
func Op(request proto.Message) (change.Op, change.Values, bool) {
	switch r := request.(type) {
	case *secretsstorev1.CreateStoreRequest:
		return change.Op{Kind: change.CreateStore, Account: r.GetAccountId(), StoreName: r.GetName()}, nil, true
	case *secretsstorev1.DeleteStoreRequest:
		return change.Op{Kind: change.DeleteStore, Account: r.GetAccountId(), StoreID: r.GetStoreId(), Force: r.GetForce()}, nil, true
	case *secretsstorev1.CreateSecretsRequest:
		op, values := creation(r)
		return op, values, true
	case *secretsstorev1.UpdateSecretRequest:
		op, values := update(r)
		return op, values, true
	case *secretsstorev1.DeleteSecretRequest:
		return ofOne(change.DeleteSecret, r), nil, true
	case *secretsstorev1.DeleteSecretsRequest:
		return change.Op{
			Kind: change.DeleteSecrets, Account: r.GetAccountId(), StoreID: r.GetStoreId(), SecretIDs: r.GetIds(),
		}, nil, true
	case *secretsstorev1.DuplicateSecretRequest:
		op := ofOne(change.DuplicateSecret, r)
		op.Secrets = []change.NewSecret{{Name: r.GetName(), Scopes: r.GetScopes(), Comment: r.Comment}}
		return op, nil, true
	default:
		return change.Op{}, nil, false
	}
}

// ofOne is a change of one existing secret.
func ofOne(kind change.Kind, r named) change.Op {
	return change.Op{Kind: kind, Account: r.GetAccountId(), StoreID: r.GetStoreId(), SecretIDs: []string{r.GetSecretId()}}
}

func creation(r *secretsstorev1.CreateSecretsRequest) (change.Op, change.Values) {
	op := change.Op{
		Kind: change.CreateSecrets, Account: r.GetAccountId(), StoreID: r.GetStoreId(),
		Secrets: make([]change.NewSecret, len(r.GetSecrets())),
	}
	values := make(change.Values, len(r.GetSecrets()))
	for i, s := range r.GetSecrets() {
		op.Secrets[i] = change.NewSecret{Name: s.GetName(), Scopes: s.GetScopes(), Comment: s.Comment}
		values[i] = upstream.Value(s.GetValue())
	}
	return op, values
}

// update returns the fields to change: the fields in the mask, or the fields that are set if there
// is no mask.
func update(r *secretsstorev1.UpdateSecretRequest) (change.Op, change.Values) {
	op := ofOne(change.UpdateSecret, r)
	mask := r.GetUpdateMask().GetPaths()
	masked := func(field string, set bool) bool {
		if len(mask) == 0 {
			return set
		}
		return slices.Contains(mask, field)
	}
	var values change.Values
	if masked("value", r.Value != nil) {
		op.Update.Value, values = true, change.Values{upstream.Value(r.GetValue())}
	}
	if masked("scopes", len(r.GetScopes()) > 0) {
		op.Update.Scopes = r.GetScopes()
	}
	if masked("comment", r.Comment != nil) {
		op.Update.Comment = upstream.CommentChange{Change: true, Text: r.Comment}
	}
	return op, values
}

// Response returns the answer to a request for a change of a kind, or nil for an unknown kind.
func Response(kind change.Kind, r change.Result) proto.Message {
	switch kind {
	case change.CreateStore:
		answer := &secretsstorev1.CreateStoreResponse{ResultInfo: info(r.Info), Messages: notices(r.Notices)}
		if r.Store != nil {
			answer.Store = store(*r.Store)
		}
		return answer
	case change.DeleteStore:
		return &secretsstorev1.DeleteStoreResponse{Messages: notices(r.Notices)}
	case change.CreateSecrets:
		return &secretsstorev1.CreateSecretsResponse{Secrets: secrets(r.Secrets), ResultInfo: info(r.Info), Messages: notices(r.Notices)}
	case change.UpdateSecret:
		return &secretsstorev1.UpdateSecretResponse{Secret: secret(r.Secret()), ResultInfo: info(r.Info), Messages: notices(r.Notices)}
	case change.DeleteSecret:
		return &secretsstorev1.DeleteSecretResponse{Messages: notices(r.Notices)}
	case change.DeleteSecrets:
		return &secretsstorev1.DeleteSecretsResponse{Messages: notices(r.Notices)}
	case change.DuplicateSecret:
		return &secretsstorev1.DuplicateSecretResponse{Secret: secret(r.Secret()), ResultInfo: info(r.Info), Messages: notices(r.Notices)}
	default:
		return nil
	}
}
