package service

import (
	"context"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/upstream"
)

// CreateStore creates a store.
func (s *Service) CreateStore(ctx context.Context, r *secretsstorev1.CreateStoreRequest) (*secretsstorev1.CreateStoreResponse, error) {
	return apply[*secretsstorev1.CreateStoreResponse](ctx, s, r, "")
}

// ListStores lists a page of stores.
func (s *Service) ListStores(ctx context.Context, r *secretsstorev1.ListStoresRequest) (*secretsstorev1.ListStoresResponse, error) {
	a, err := list(ctx, paging(r), func(ctx context.Context, p upstream.Paging) (upstream.Answer[[]upstream.Store], error) {
		return s.reader.ListStores(ctx, upstream.ListStoresParams{Account: r.GetAccountId(), Paging: p})
	}, labels[upstream.Store]{func(s upstream.Store) string { return s.ID }, func(s upstream.Store) string { return s.Name }})
	if err != nil {
		return nil, err
	}
	return &secretsstorev1.ListStoresResponse{Stores: stores(a.Result), ResultInfo: info(a.Info), Messages: notices(a.Notices)}, nil
}

// GetStore returns one store.
func (s *Service) GetStore(ctx context.Context, r *secretsstorev1.GetStoreRequest) (*secretsstorev1.GetStoreResponse, error) {
	a, err := s.reader.GetStore(ctx, upstream.StoreParams{Account: r.GetAccountId(), StoreID: r.GetStoreId()})
	if err != nil {
		return nil, err
	}
	return &secretsstorev1.GetStoreResponse{Store: store(a.Result), ResultInfo: info(a.Info), Messages: notices(a.Notices)}, nil
}

// DeleteStore deletes a store.
func (s *Service) DeleteStore(ctx context.Context, r *secretsstorev1.DeleteStoreRequest) (*secretsstorev1.DeleteStoreResponse, error) {
	return apply[*secretsstorev1.DeleteStoreResponse](ctx, s, r, "")
}

// GetQuota returns the plan limit and the usage of an account.
func (s *Service) GetQuota(ctx context.Context, r *secretsstorev1.GetQuotaRequest) (*secretsstorev1.GetQuotaResponse, error) {
	a, err := s.reader.Quota(ctx, r.GetAccountId())
	if err != nil {
		return nil, err
	}
	q, err := s.own(ctx, r.GetAccountId(), a.Result)
	if err != nil {
		return nil, err
	}
	return &secretsstorev1.GetQuotaResponse{
		Quota:      &secretsstorev1.Quota{Secrets: &secretsstorev1.QuotaUsage{Quota: q.Secrets.Quota, Usage: q.Secrets.Usage}},
		ResultInfo: info(a.Info), Messages: notices(a.Notices),
	}, nil
}
