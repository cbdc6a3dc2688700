// Package service implements the RPCs of secretsstore.v1: it converts the
// request, calls Cloudflare, and converts the answer.
//
// The package must not know who is calling, over which protocol, or whether the
// caller is authorised: that is decided before a call gets here.
package service

import (
	"context"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/upstream"
)

// Upstream is the part of the Cloudflare client that the service needs. Errors
// are faults.
type Upstream interface {
	CreateStore(context.Context, upstream.CreateStoreParams) (upstream.Answer[upstream.Store], error)
	ListStores(context.Context, upstream.ListStoresParams) (upstream.Answer[[]upstream.Store], error)
	GetStore(context.Context, upstream.StoreParams) (upstream.Answer[upstream.Store], error)
	DeleteStore(context.Context, upstream.DeleteStoreParams) (upstream.Answer[upstream.None], error)
	CreateSecrets(context.Context, upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error)
	ListSecrets(context.Context, upstream.ListSecretsParams) (upstream.Answer[[]upstream.Secret], error)
	GetSecret(context.Context, upstream.SecretParams) (upstream.Answer[upstream.Secret], error)
	UpdateSecret(context.Context, upstream.UpdateSecretParams) (upstream.Answer[upstream.Secret], error)
	DeleteSecret(context.Context, upstream.SecretParams) (upstream.Answer[upstream.None], error)
	DeleteSecrets(context.Context, upstream.DeleteSecretsParams) (upstream.Answer[upstream.None], error)
	DuplicateSecret(context.Context, upstream.DuplicateSecretParams) (upstream.Answer[upstream.Secret], error)
	Quota(ctx context.Context, account string) (upstream.Answer[upstream.Quota], error)
}

// Service implements secretsstore.v1.SecretsStoreService. It is safe for
// concurrent use.
type Service struct {
	secretsstorev1.UnimplementedSecretsStoreServiceServer

	upstream Upstream
	own      OwnQuota
}

// OwnQuota makes of the quota of an account that of the caller's tenant.
type OwnQuota func(ctx context.Context, account string, q upstream.Quota) (upstream.Quota, error)

// New returns the service. Where own is nil, every caller sees the quota of the
// account.
func New(u Upstream, own OwnQuota) *Service {
	if own == nil {
		own = func(_ context.Context, _ string, q upstream.Quota) (upstream.Quota, error) { return q, nil }
	}
	return &Service{upstream: u, own: own}
}
