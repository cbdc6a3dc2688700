// Package operator answers operators' questions about a running Storekeeper.
//
// The package must not know the sources of its facts, nor any credential or value. Its answers concern all
// tenants. Rules with separate actions allow them.
package operator

import (
	"context"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/self"
)

// Status is the state of a replica, without the readiness checks.
type Status struct {
	Version, Replica string
	Started          time.Time
	// OpenChanges is the number of open changes, -1 if unknown.
	OpenChanges int
	Budgets     []Budget
	Store       StoreState
	Trail       Trail
	Policy      Policy
	Issuers     []Issuer
	Replicas    []Replica
	Files       []File
}

// Check is a readiness condition. Error is "" if the condition is met.
type Check struct {
	Name     string
	OK       bool
	Advisory bool
	Error    string
}

// Budget is the call budget of a credential.
type Budget struct {
	// Credential consists of the names of the accounts that share the budget.
	Credential                    string
	Limit, Used, Waiting, Outside int
	Window, Blocked               time.Duration
}

// StoreState is the state of the store. Err is nil if the store is healthy.
type StoreState struct {
	Kind, ID string
	Commit   uint64
	Err      error
}

// Trail is the state of the audit trail. Err is nil if the trail is healthy.
type Trail struct {
	LastRecord, Suppressed uint64
	Backlog                int
	Err                    error
}

// Policy describes the rules in force. Err is the reason why the present content of the file is not in force,
// found at Failed.
type Policy struct {
	File, Digest   string
	Rules          int
	Loaded, Failed time.Time
	Err            error
}

// File is a file of the configuration. Err is the reason why the present content of the file is not in force.
// Restart lists changed keys that need a restart.
type File struct {
	Kind, File, Digest string
	Loaded             time.Time
	Err                error
	Restart            []string
}

// Issuer is the state of an issuer of tokens. Error is "" if its keys can be read.
type Issuer struct {
	Name              string
	Healthy           bool
	Keys              int
	KeysRead, KeysEnd time.Time
	Error             string
}

// Replica is a replica that shares the budget.
type Replica struct {
	Number int64
	Self   bool
	Heard  time.Duration
}

// Tenant is a tenant with its weight in the budgets.
type Tenant struct {
	ID, Name string
	Weight   float64
}

// key orders tenants by name and then by id.
func (t Tenant) key() string { return t.Name + "\x00" + t.ID }

// Config holds the sources of a Service.
type Config struct {
	// Status returns the state of the replica.
	Status func(ctx context.Context) Status
	// Checks runs the readiness checks.
	Checks func(ctx context.Context) []Check
	// Tenants lists the tenants in any order, each once. Errors are faults.
	Tenants func(ctx context.Context) ([]Tenant, error)
	// Usage returns the usage of an account by a tenant.
	Usage self.UsageFunc
	// Accounts are the names of all accounts.
	Accounts []string
}

// Service implements storekeeper.v1.OperatorService.
type Service struct {
	storekeeperv1.UnimplementedOperatorServiceServer

	c Config
}

// NewService returns the service.
func NewService(c Config) *Service { return &Service{c: c} }

// GetStatus returns the state of this replica.
func (s *Service) GetStatus(ctx context.Context, _ *storekeeperv1.GetStatusRequest) (*storekeeperv1.GetStatusResponse, error) {
	now := s.c.Status(ctx)
	out := &storekeeperv1.GetStatusResponse{
		Time: timestamppb.Now(), Version: now.Version, Replica: now.Replica, Started: timestamp(now.Started), OpenChanges: count(now.OpenChanges),
		Store: now.Store.message(), Trail: now.Trail.message(), Policy: now.Policy.message(),
	}
	for _, c := range s.c.Checks(ctx) {
		out.Checks = append(out.Checks, &storekeeperv1.ReadinessCheck{Name: c.Name, Ok: c.OK, Advisory: c.Advisory, Error: c.Error})
	}
	for _, b := range now.Budgets {
		out.Budgets = append(out.Budgets, b.message())
	}
	for _, f := range now.Files {
		out.Files = append(out.Files, f.message())
	}
	for _, i := range now.Issuers {
		out.Issuers = append(out.Issuers, i.message())
	}
	for _, r := range now.Replicas {
		out.Replicas = append(out.Replicas, &storekeeperv1.ReplicaStatus{Number: r.Number, Self: r.Self, Heard: durationpb.New(r.Heard)})
	}
	return out, nil
}

// defaultPage is the number of tenants on a page if the request names none.
const defaultPage = 100

// ListTenants returns a page of the tenants.
func (s *Service) ListTenants(ctx context.Context, r *storekeeperv1.ListTenantsRequest) (*storekeeperv1.ListTenantsResponse, error) {
	after, err := readToken(r.GetPageToken())
	if err != nil {
		return nil, err
	}
	tenants, err := s.c.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(tenants, func(a, b Tenant) int { return strings.Compare(a.key(), b.key()) })
	if r.GetPageToken() != "" {
		from, found := slices.BinarySearchFunc(tenants, after, func(t Tenant, key string) int { return strings.Compare(t.key(), key) })
		if found {
			from++
		}
		tenants = tenants[from:]
	}
	size := int(r.GetPageSize())
	if size == 0 {
		size = defaultPage
	}
	out := &storekeeperv1.ListTenantsResponse{}
	if len(tenants) > size {
		tenants = tenants[:size]
		out.NextPageToken = writeToken(tenants[size-1].key())
	}
	for _, t := range tenants {
		m, err := s.tenant(ctx, t)
		if err != nil {
			return nil, err
		}
		out.Tenants = append(out.Tenants, m)
	}
	return out, nil
}

func (s *Service) tenant(ctx context.Context, t Tenant) (*storekeeperv1.Tenant, error) {
	out := &storekeeperv1.Tenant{Id: t.ID, Name: t.Name, Weight: t.Weight}
	for _, account := range s.c.Accounts {
		u, err := s.c.Usage(ctx, account, t.ID)
		if err != nil {
			return nil, fault.From(err)
		}
		out.Accounts = append(out.Accounts, u.Message(account))
	}
	return out, nil
}
