package service

import (
	"context"
	"slices"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// UpdateSecret changes a secret.
func (s *Service) UpdateSecret(ctx context.Context, r *secretsstorev1.UpdateSecretRequest) (*secretsstorev1.UpdateSecretResponse, error) {
	if r.Name != nil {
		if err := s.keepsName(ctx, r); err != nil {
			return nil, err
		}
	}
	a, err := s.upstream.UpdateSecret(ctx, change(r))
	if err != nil {
		return nil, blame(err, "")
	}
	return &secretsstorev1.UpdateSecretResponse{Secret: secret(a.Result), ResultInfo: info(a.Info), Messages: notices(a.Notices)}, nil
}

// keepsName checks that the name in an update of an older client is the name of
// the secret. Cloudflare would ignore another name, and the caller would
// believe that the secret was renamed.
func (s *Service) keepsName(ctx context.Context, r *secretsstorev1.UpdateSecretRequest) error {
	a, err := s.upstream.GetSecret(ctx, one(r))
	if err != nil {
		return err
	}
	if a.Result.Name == r.GetName() {
		return nil
	}
	f := fault.Invalid(fault.Field{
		Path: "name", Reason: "SECRET_NAME_IMMUTABLE", Text: "must be the name that the secret has; a name cannot be changed",
	})
	f.Local = true
	return f
}

// change returns the changed fields: those in the field mask, or those that are
// set if there is no mask.
func change(r *secretsstorev1.UpdateSecretRequest) upstream.UpdateSecretParams {
	p := upstream.UpdateSecretParams{Account: r.GetAccountId(), StoreID: r.GetStoreId(), SecretID: r.GetSecretId()}
	mask := r.GetUpdateMask().GetPaths()
	masked := func(field string, set bool) bool {
		if len(mask) == 0 {
			return set
		}
		return slices.Contains(mask, field)
	}
	if masked("value", r.Value != nil) {
		value := upstream.Value(r.GetValue())
		p.Value = &value
	}
	if masked("scopes", len(r.GetScopes()) > 0) {
		p.Scopes = r.GetScopes()
	}
	if masked("comment", r.Comment != nil) {
		p.Comment = upstream.CommentChange{Change: true, Text: r.Comment}
	}
	return p
}
