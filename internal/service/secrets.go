package service

import (
	"context"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/upstream"
)

// CreateSecrets creates secrets.
func (s *Service) CreateSecrets(ctx context.Context, r *secretsstorev1.CreateSecretsRequest) (*secretsstorev1.CreateSecretsResponse, error) {
	return apply[*secretsstorev1.CreateSecretsResponse](ctx, s, r, "secrets")
}

// ListSecrets lists a page of secrets.
func (s *Service) ListSecrets(ctx context.Context, r *secretsstorev1.ListSecretsRequest) (*secretsstorev1.ListSecretsResponse, error) {
	a, err := list(ctx, paging(r), func(ctx context.Context, p upstream.Paging) (upstream.Answer[[]upstream.Secret], error) {
		return s.reader.ListSecrets(ctx, upstream.ListSecretsParams{
			Account: r.GetAccountId(), StoreID: r.GetStoreId(), Paging: p, Search: r.GetSearch(), Scopes: r.GetScopes(),
		})
	}, labels[upstream.Secret]{func(s upstream.Secret) string { return s.ID }, func(s upstream.Secret) string { return s.Name }})
	if err != nil {
		return nil, err
	}
	return &secretsstorev1.ListSecretsResponse{Secrets: secrets(a.Result), ResultInfo: info(a.Info), Messages: notices(a.Notices)}, nil
}

// GetSecret returns one secret.
func (s *Service) GetSecret(ctx context.Context, r *secretsstorev1.GetSecretRequest) (*secretsstorev1.GetSecretResponse, error) {
	a, err := s.reader.GetSecret(ctx, one(r))
	if err != nil {
		return nil, err
	}
	return &secretsstorev1.GetSecretResponse{Secret: secret(a.Result), ResultInfo: info(a.Info), Messages: notices(a.Notices)}, nil
}

// DeleteSecret deletes one secret.
func (s *Service) DeleteSecret(ctx context.Context, r *secretsstorev1.DeleteSecretRequest) (*secretsstorev1.DeleteSecretResponse, error) {
	return apply[*secretsstorev1.DeleteSecretResponse](ctx, s, r, "")
}

// DeleteSecrets deletes secrets. Duplicate identifiers count once.
func (s *Service) DeleteSecrets(ctx context.Context, r *secretsstorev1.DeleteSecretsRequest) (*secretsstorev1.DeleteSecretsResponse, error) {
	return apply[*secretsstorev1.DeleteSecretsResponse](ctx, s, r, "")
}

// DuplicateSecret copies a secret under another name.
func (s *Service) DuplicateSecret(ctx context.Context, r *secretsstorev1.DuplicateSecretRequest) (*secretsstorev1.DuplicateSecretResponse, error) {
	return apply[*secretsstorev1.DuplicateSecretResponse](ctx, s, r, "")
}

// named is a request about one secret.
type named interface {
	GetAccountId() string
	GetStoreId() string
	GetSecretId() string
}

func one(r named) upstream.SecretParams {
	return upstream.SecretParams{Account: r.GetAccountId(), StoreID: r.GetStoreId(), SecretID: r.GetSecretId()}
}
