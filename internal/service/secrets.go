package service

import (
	"context"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/upstream"
)

// CreateSecrets creates secrets.
func (s *Service) CreateSecrets(ctx context.Context, r *secretsstorev1.CreateSecretsRequest) (*secretsstorev1.CreateSecretsResponse, error) {
	a, err := s.upstream.CreateSecrets(ctx, upstream.CreateSecretsParams{
		Account: r.GetAccountId(), StoreID: r.GetStoreId(), Secrets: each(r.GetSecrets(), newSecret),
	})
	if err != nil {
		return nil, blame(err, "secrets")
	}
	return &secretsstorev1.CreateSecretsResponse{Secrets: secrets(a.Result), ResultInfo: info(a.Info), Messages: notices(a.Notices)}, nil
}

// ListSecrets lists a page of secrets.
func (s *Service) ListSecrets(ctx context.Context, r *secretsstorev1.ListSecretsRequest) (*secretsstorev1.ListSecretsResponse, error) {
	a, err := list(ctx, paging(r), func(ctx context.Context, p upstream.Paging) (upstream.Answer[[]upstream.Secret], error) {
		return s.upstream.ListSecrets(ctx, upstream.ListSecretsParams{
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
	a, err := s.upstream.GetSecret(ctx, one(r))
	if err != nil {
		return nil, err
	}
	return &secretsstorev1.GetSecretResponse{Secret: secret(a.Result), ResultInfo: info(a.Info), Messages: notices(a.Notices)}, nil
}

// DeleteSecret deletes one secret.
func (s *Service) DeleteSecret(ctx context.Context, r *secretsstorev1.DeleteSecretRequest) (*secretsstorev1.DeleteSecretResponse, error) {
	a, err := s.upstream.DeleteSecret(ctx, one(r))
	if err != nil {
		return nil, err
	}
	return &secretsstorev1.DeleteSecretResponse{Messages: notices(a.Notices)}, nil
}

// DeleteSecrets deletes secrets. A secret that is named twice is deleted once.
func (s *Service) DeleteSecrets(ctx context.Context, r *secretsstorev1.DeleteSecretsRequest) (*secretsstorev1.DeleteSecretsResponse, error) {
	a, err := s.upstream.DeleteSecrets(ctx, upstream.DeleteSecretsParams{
		Account: r.GetAccountId(), StoreID: r.GetStoreId(), IDs: once(r.GetIds()),
	})
	if err != nil {
		return nil, blame(err, "")
	}
	return &secretsstorev1.DeleteSecretsResponse{Messages: notices(a.Notices)}, nil
}

// once returns the strings in their order, each once.
func once(texts []string) []string {
	var list []string
	seen := make(map[string]bool, len(texts))
	for _, t := range texts {
		if !seen[t] {
			seen[t] = true
			list = append(list, t)
		}
	}
	return list
}

// DuplicateSecret copies a secret under another name.
func (s *Service) DuplicateSecret(ctx context.Context, r *secretsstorev1.DuplicateSecretRequest) (*secretsstorev1.DuplicateSecretResponse, error) {
	a, err := s.upstream.DuplicateSecret(ctx, upstream.DuplicateSecretParams{
		Account: r.GetAccountId(), StoreID: r.GetStoreId(), SecretID: r.GetSecretId(),
		Name: r.GetName(), Scopes: r.GetScopes(), Comment: r.Comment,
	})
	if err != nil {
		return nil, blame(err, "")
	}
	return &secretsstorev1.DuplicateSecretResponse{Secret: secret(a.Result), ResultInfo: info(a.Info), Messages: notices(a.Notices)}, nil
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

func newSecret(s *secretsstorev1.NewSecret) upstream.NewSecret {
	return upstream.NewSecret{Name: s.GetName(), Value: upstream.Value(s.GetValue()), Scopes: s.GetScopes(), Comment: s.Comment}
}
