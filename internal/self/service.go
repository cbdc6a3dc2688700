// Package self answers what a caller asks about itself.
//
// The package must not know any credential, and shows nothing about another
// caller.
package self

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/fault"
)

// Service implements storekeeper.v1.SelfService.
type Service struct {
	storekeeperv1.UnimplementedSelfServiceServer
}

// NewService returns the service.
func NewService() *Service { return &Service{} }

// WhoAmI describes the caller and its credential.
func (*Service) WhoAmI(ctx context.Context, _ *storekeeperv1.WhoAmIRequest) (*storekeeperv1.WhoAmIResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	return &storekeeperv1.WhoAmIResponse{
		Caller: caller.Name, Tenant: caller.Tenant, Groups: caller.Groups, Credential: credentialOf(caller),
	}, nil
}

func credentialOf(caller authn.Principal) *storekeeperv1.CallerCredential {
	out := &storekeeperv1.CallerCredential{
		Kind: string(caller.Kind), NotBefore: timestamp(caller.NotBefore), Expires: timestamp(caller.Expires),
	}
	if c := caller.Credential; c != nil {
		out.IssuerName, out.Issuer, out.Subject, out.Id = c.IssuerName, c.Issuer, c.Subject, c.ID
	}
	return out
}

func callerOf(ctx context.Context) (authn.Principal, error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return p, fault.New(fault.Unauthenticated, fault.ReasonCredentialMissing, "The call has no credential.")
	}
	return p, nil
}

// timestamp returns nil for the zero time.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
