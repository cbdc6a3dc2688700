package service

import (
	"context"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/fault"
)

// UpdateSecret changes a secret.
func (s *Service) UpdateSecret(ctx context.Context, r *secretsstorev1.UpdateSecretRequest) (*secretsstorev1.UpdateSecretResponse, error) {
	if r.Name != nil {
		if err := s.keepsName(ctx, r); err != nil {
			return nil, err
		}
	}
	return apply[*secretsstorev1.UpdateSecretResponse](ctx, s, r, "")
}

// keepsName checks that the name in an update of an older client is the present name of the secret.
// Cloudflare would ignore a different name, and the caller would believe that the secret was
// renamed.
func (s *Service) keepsName(ctx context.Context, r *secretsstorev1.UpdateSecretRequest) error {
	a, err := s.reader.GetSecret(ctx, one(r))
	if err != nil {
		return err
	}
	if a.Result.Name == r.GetName() {
		return nil
	}
	f := fault.Invalid(fault.Field{
		Path: "name", Reason: fault.ReasonSecretNameImmutable, Text: "must be the name that the secret has; a name cannot be changed",
	})
	f.Local = true
	return f
}
