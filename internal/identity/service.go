// Package identity answers who the caller is, in the formats that Cloudflare's
// clients ask for when they start.
//
// The package must not know Storekeeper's credential for Cloudflare: every
// answer is about the caller.
package identity

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/pagination"
	"platform.internal/storekeeper/internal/scope"
)

// accepted is the status of every membership.
const accepted = "accepted"

// role is the role of every caller in every account, in Cloudflare's format.
const role = "Storekeeper caller"

// Account is an account that callers can name.
type Account struct {
	// ID is Cloudflare's identifier.
	ID string
	// Name is the configured name.
	Name string
	// DisplayName is the name in the answers. Empty: Name.
	DisplayName string
}

// shown is the name in the answers.
func (a Account) shown() string { return cmp.Or(a.DisplayName, a.Name) }

// Service implements storekeeper.identity.v1.IdentityService.
type Service struct {
	identityv1.UnimplementedIdentityServiceServer

	accounts atomic.Pointer[[]Account]
}

// NewService returns the service. It lists the accounts in the given order.
func NewService(accounts []Account) *Service {
	s := &Service{}
	s.SetAccounts(accounts)
	return s
}

// SetAccounts replaces the accounts, all at once.
func (s *Service) SetAccounts(accounts []Account) {
	accounts = slices.Clone(accounts)
	s.accounts.Store(&accounts)
}

// VerifyToken confirms that the caller's credential is valid. A call with an
// invalid one is refused before.
func (s *Service) VerifyToken(ctx context.Context, r *identityv1.VerifyTokenRequest) (*identityv1.VerifyTokenResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if r.GetAccountId() != "" && !s.serves(r.GetAccountId()) {
		return nil, fault.New(fault.Denied, fault.ReasonAccountNotAllowed, "account_id: the account is not one that Storekeeper serves to this caller.")
	}
	return &identityv1.VerifyTokenResponse{
		Token: &identityv1.Token{
			Id: stableID("token", caller.Name), Status: "active",
			ExpiresOn: timestamp(caller.Expires), NotBefore: timestamp(caller.NotBefore),
		},
		Messages: []*secretsstorev1.Notice{{
			Message: "This API Token is valid and active",
		}},
	}, nil
}

// GetUser describes the caller.
func (s *Service) GetUser(ctx context.Context, _ *identityv1.GetUserRequest) (*identityv1.GetUserResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	return &identityv1.GetUserResponse{User: &identityv1.User{
		Id: stableID("user", caller.Name), Email: mailbox(caller.Name), Username: caller.Name,
	}}, nil
}

// ListAccounts lists the accounts that the caller can name.
func (s *Service) ListAccounts(ctx context.Context, r *identityv1.ListAccountsRequest) (*identityv1.ListAccountsResponse, error) {
	list := withName(s.visible(ctx), r.GetName())
	sortBy(list, r.GetDirection(), Account.shown)
	page, info := page(list, r)
	out := &identityv1.ListAccountsResponse{ResultInfo: info}
	for _, a := range page {
		out.Accounts = append(out.Accounts, a.message())
	}
	return out, nil
}

// ListMemberships lists the same accounts as memberships.
func (s *Service) ListMemberships(ctx context.Context, r *identityv1.ListMembershipsRequest) (*identityv1.ListMembershipsResponse, error) {
	list := withName(withName(s.visible(ctx), r.GetName()), r.GetAccount().GetName())
	if status := r.GetStatus(); status != "" && status != accepted {
		list = nil
	}
	// All memberships have the same status, so sorting by status is sorting by
	// name.
	column := Account.shown
	if r.GetOrder() == "id" {
		column = membershipID
	}
	sortBy(list, r.GetDirection(), column)
	page, info := page(list, r)
	out := &identityv1.ListMembershipsResponse{ResultInfo: info}
	for _, a := range page {
		out.Memberships = append(out.Memberships, &identityv1.Membership{
			Id: membershipID(a), Status: accepted, Account: a.message(), Roles: []string{role},
		})
	}
	return out, nil
}

func membershipID(a Account) string { return stableID("membership", a.ID) }

// withName returns the accounts with this name, and all accounts for "". The
// whole name is compared: clients take the first account of the answer for the
// one they asked for.
func withName(accounts []Account, name string) []Account {
	return slices.DeleteFunc(slices.Clone(accounts), func(a Account) bool { return name != "" && a.shown() != name })
}

// sortBy sorts the accounts by a column, descending for the direction "desc".
func sortBy(accounts []Account, direction string, column func(Account) string) {
	slices.SortStableFunc(accounts, func(a, b Account) int {
		if direction == "desc" {
			a, b = b, a
		}
		return strings.Compare(column(a), column(b))
	})
}

// visible returns the accounts that the caller may see.
func (s *Service) visible(ctx context.Context) []Account {
	filter := scope.Visible(ctx)
	if filter == nil {
		return *s.accounts.Load()
	}
	var list []Account
	for _, a := range *s.accounts.Load() {
		if filter(a.Name) {
			list = append(list, a)
		}
	}
	return list
}

// page returns the page of a list that a request asks for.
func page(all []Account, asked interface {
	GetPage() int32
	GetPerPage() int32
}) ([]Account, *secretsstorev1.ResultInfo) {
	items, page := pagination.Cut(all, int(asked.GetPage()), int(asked.GetPerPage()))
	return items, &secretsstorev1.ResultInfo{
		Count: clampInt32(page.Count), Page: clampInt32(page.Number), PerPage: clampInt32(page.PerPage), TotalCount: clampInt32(page.Total),
		TotalPages: proto.Int32(clampInt32(page.Pages)),
	}
}

// clampInt32 limits a number that came from an int32 or counts accounts.
func clampInt32(n int) int32 { return int32(max(0, min(n, math.MaxInt32))) }

func (s *Service) serves(account string) bool {
	for _, a := range *s.accounts.Load() {
		if account == a.ID || account == a.Name {
			return true
		}
	}
	return false
}

func (a Account) message() *identityv1.Account {
	return &identityv1.Account{Id: a.ID, Name: a.shown(), Type: "standard"}
}

func callerOf(ctx context.Context) (authn.Principal, error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return p, fault.New(fault.Unauthenticated, fault.ReasonCredentialMissing, "The call has no credential.")
	}
	return p, nil
}

// stableID returns an identifier in Cloudflare's format, derived from a name.
func stableID(kind, name string) string {
	sum := sha256.Sum256([]byte("storekeeper " + kind + " " + name))
	return hex.EncodeToString(sum[:16])
}

// timestamp returns nil for the zero time: an API key has no times.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// mailbox returns an e-mail address for a name. The domain is reserved (RFC
// 2606), so nothing can be delivered to it.
func mailbox(name string) string {
	if strings.Contains(name, "@") {
		return name
	}
	return name + "@storekeeper.invalid"
}
