// Package self answers questions of a caller about itself: its identity, its rights, and the usage of its
// tenant.
//
// The package must not know any credential, and reveals nothing about other callers. It does not know how
// rights are decided or usage is counted.
package self

import (
	"cmp"
	"context"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/fault"
)

// Rights decides on the rights of callers.
type Rights interface {
	// Permissions lists the rights of a caller (see authz.Engine.Permissions), and returns the digest of the
	// policy file.
	Permissions(caller authn.Principal, from, most int) (list []authz.Permission, next int, policy string)
	// Test decides on a hypothetical call. Errors are those of a real call.
	Test(ctx context.Context, caller authn.Principal, c authz.AccessReview) (authz.Decision, error)
	// Reached returns the names of the accounts in which a caller may have any
	// right.
	Reached(caller authn.Principal) []string
}

// Usage is the usage of an account by a tenant.
type Usage struct {
	// Stores and Secrets are the quotas. Nil: the tenant has no such limit.
	Stores, Secrets *Quota
	// Calls, Remaining and Window are the tenant's share of the call budget.
	Calls, Remaining int
	Window           time.Duration
	// Waiting is the number of waiting calls of the tenant. NextTurn is the approximate wait of a call that
	// the tenant makes now.
	Waiting  int
	NextTurn time.Duration
}

// Quota is the usage and the limit of a tenant.
type Quota struct{ Used, Limit int }

// UsageFunc returns the usage of an account by a tenant, given by its id. Errors are faults.
type UsageFunc func(ctx context.Context, account, tenant string) (Usage, error)

// Service implements storekeeper.v1.SelfService.
type Service struct {
	storekeeperv1.UnimplementedSelfServiceServer

	rights Rights
	usage  UsageFunc
}

// NewService returns the service.
func NewService(rights Rights, usage UsageFunc) *Service {
	return &Service{rights: rights, usage: usage}
}

// WhoAmI describes the caller and its credential.
func (*Service) WhoAmI(ctx context.Context, _ *storekeeperv1.WhoAmIRequest) (*storekeeperv1.WhoAmIResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	return &storekeeperv1.WhoAmIResponse{
		Caller: caller.Name, Tenant: caller.Tenant, TenantId: caller.TenantID, Groups: caller.Groups, Credential: credentialOf(caller),
	}, nil
}

// GetUsage returns the usage of the caller's tenant.
func (s *Service) GetUsage(ctx context.Context, _ *storekeeperv1.GetUsageRequest) (*storekeeperv1.GetUsageResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	out := &storekeeperv1.GetUsageResponse{Tenant: cmp.Or(caller.Tenant, caller.Name)}
	for _, account := range s.rights.Reached(caller) {
		u, err := s.usage(ctx, account, caller.Payer())
		if err != nil {
			return nil, err
		}
		out.Accounts = append(out.Accounts, u.Message(account))
	}
	return out, nil
}

// Message returns the message of the usage of an account.
func (u Usage) Message(account string) *storekeeperv1.AccountUsage {
	return &storekeeperv1.AccountUsage{
		Account: account, Stores: u.Stores.message(), Secrets: u.Secrets.message(),
		Budget: &storekeeperv1.BudgetShare{
			Calls: count(u.Calls), Remaining: count(u.Remaining), Window: durationpb.New(u.Window),
			Waiting: count(u.Waiting), NextTurn: durationpb.New(u.NextTurn.Round(time.Millisecond)),
		},
	}
}

func (q *Quota) message() *storekeeperv1.TenantQuota {
	if q == nil {
		return nil
	}
	return &storekeeperv1.TenantQuota{Used: count(q.Used), Limit: count(q.Limit)}
}

// count limits a number to the range of the message field.
func count(n int) int32 { return int32(max(0, min(n, math.MaxInt32))) }

func credentialOf(caller authn.Principal) *storekeeperv1.CallerCredential {
	out := &storekeeperv1.CallerCredential{
		Kind: string(caller.Kind), Id: caller.KeyID, NotBefore: timestamp(caller.NotBefore), Expires: timestamp(caller.Expires),
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
