package upstream

import "context"

// Reader is the part of a Client that changes nothing. Errors are faults.
type Reader interface {
	Accounts() []AccountInfo
	ListStores(ctx context.Context, p ListStoresParams) (Answer[[]Store], error)
	GetStore(ctx context.Context, p StoreParams) (Answer[Store], error)
	ListSecrets(ctx context.Context, p ListSecretsParams) (Answer[[]Secret], error)
	GetSecret(ctx context.Context, p SecretParams) (Answer[Secret], error)
	Quota(ctx context.Context, account string) (Answer[Quota], error)
}

var _ Reader = (*Client)(nil)
