// Package changes lists changes and their callers, restricted to the visibility of the caller.
//
// The package must not know the location of the audit trail and its index, nor any protocol.
package changes

import (
	"context"
	"errors"
	"time"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/history"
)

// action is that of rules about changes.
const action = "change.get"

// usualPage is the default page size.
const usualPage = 50

// Names resolves names of objects.
type Names interface {
	// Account returns the configured name of an account.
	Account(idOrName string) (string, bool)
	// Accounts returns the configured names of all accounts.
	Accounts() []string
	// KnownStore returns the name of a store, and false if the name is unknown.
	KnownStore(ctx context.Context, account, id string) (string, bool)
	// KnownStores returns the identifiers of existing stores with a name.
	KnownStores(ctx context.Context, name string) []string
}

// Config configures a Service.
type Config struct {
	// Index finds the changes. Nil: the trail is written to a stream and kept elsewhere.
	Index history.Index
	// TokenKey seals page tokens. All replicas have the same.
	TokenKey []byte
	// Decide applies the operator's rules.
	Decide func(authz.Question) authz.Decision
	// Names knows names.
	Names Names
	// Now is the clock. Nil: the system's.
	Now func() time.Time
}

// Service implements storekeeper.v1.ChangeService.
type Service struct {
	storekeeperv1.UnimplementedChangeServiceServer

	c Config
}

// NewService returns the service.
func NewService(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Service{c: c}
}

// ListChanges returns a page of changes.
func (s *Service) ListChanges(ctx context.Context, in *storekeeperv1.ListChangesRequest) (*storekeeperv1.ListChangesResponse, error) {
	caller, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, fault.New(fault.Unauthenticated, fault.ReasonCredentialMissing, "The call has no credential.")
	}
	filter, err := s.filter(in)
	if err != nil {
		return nil, err
	}
	if s.c.Index == nil {
		return nil, fault.New(fault.Unimplemented, fault.ReasonTrailNotKept,
			"This Storekeeper writes its audit trail to a stream and keeps none to search; its operator has the changes.")
	}
	sight := newSight(ctx, &s.c, caller)
	if !sight.narrow(&filter) {
		return &storekeeperv1.ListChangesResponse{}, nil
	}
	size := int(in.GetPageSize())
	if size == 0 {
		size = usualPage
	}
	reader := history.Reader{Index: s.c.Index, Stores: sight.storesNamed, TokenKey: s.c.TokenKey}
	page, err := reader.Read(ctx, history.Request{Filter: filter, Size: min(size, history.MostPerPage), Token: in.GetPageToken(), See: sight.see})
	if err != nil {
		return nil, s.failed(err)
	}
	out := &storekeeperv1.ListChangesResponse{NextPageToken: page.Next}
	for i := range page.Changes {
		out.Changes = append(out.Changes, sight.message(&page.Changes[i]))
	}
	return out, nil
}

// filter is the filter of a request.
func (s *Service) filter(in *storekeeperv1.ListChangesRequest) (f history.Filter, err error) {
	f = history.Filter{
		Secret: in.GetSecret(), Store: in.GetStore(), Tenant: in.GetTenant(), Caller: in.GetCaller(), Account: in.GetAccount(),
		Outcome: history.Outcome(in.GetOutcome()),
	}
	if name, served := s.c.Names.Account(f.Account); served {
		f.Account = name
	}
	var wrong []fault.Field
	for _, bound := range []struct {
		path, text string
		into       *time.Time
	}{{"since", in.GetSince(), &f.Since}, {"until", in.GetUntil(), &f.Until}} {
		if *bound.into, err = history.ParseWhen(bound.text, s.c.Now()); err != nil {
			wrong = append(wrong, fault.Field{Path: bound.path, Reason: fault.ReasonTimeInvalid, Text: err.Error()})
		}
	}
	if len(wrong) > 0 {
		return f, fault.Invalid(wrong...)
	}
	return f, nil
}

// buildingRetry is the retry delay for callers while the index is being built.
const buildingRetry = 2 * time.Second

// failed converts an error of the reader to a fault.
func (s *Service) failed(err error) error {
	switch {
	case errors.Is(err, history.ErrToken):
		return fault.Invalid(fault.Field{Path: "page_token", Reason: fault.ReasonPageTokenInvalid, Text: "must be next_page_token of a request with the same fields, or empty"})
	case errors.Is(err, audit.ErrIndexing):
		f := fault.New(fault.Unavailable, fault.ReasonChangesNotIndexed, "Storekeeper is still indexing its audit trail; repeat the call in a moment.")
		f.RetryAfter = buildingRetry
		return f.Because(err)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	if ended := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded); ended {
		return fault.From(err)
	}
	f := fault.New(fault.Unavailable, fault.ReasonStateUnavailable, "Storekeeper cannot read its audit trail now; repeat the call in a moment.")
	f.RetryAfter = time.Second
	return f.Because(err)
}
