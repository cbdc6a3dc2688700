// Package byname implements the RPCs of storekeeper.v1.SecretService. It finds secrets by their names,
// decides which change leads to the wanted state, and makes that change as a call of SecretsStoreService.
//
// This package must not know the caller, the protocol, or how rights, records and the audit trail are kept:
// the change passes through them like any other change.
package byname

import (
	"context"
	"errors"
	"maps"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/upstream"
)

// maxRounds is the maximum number of decisions of a call. A new decision is needed after another change of
// the same secret, or if Cloudflare's listing lags behind its refusal.
const maxRounds = 12

// ObjectFinder finds objects by their names.
type ObjectFinder interface {
	SecretsNamed(ctx context.Context, account, storeID string, names []string, age cache.Age) (map[string]upstream.Secret, error)
	StoreNamed(ctx context.Context, account, name string) (upstream.Store, bool, error)
}

// InnerCall is the change that a call by name decided on.
type InnerCall struct {
	// Method is the full name of the method that makes the change, and Request is
	// its request.
	Method  string
	Request proto.Message
	// Of is the request of the caller. It identifies retries and carries the idempotency key. Nil: Request
	// identifies retries, and there is no key.
	Of proto.Message
	// Names are the names that the caller used for the identifiers in Request: the name of the store under
	// "", names of secrets under their identifiers.
	Names map[string]string
	// Check returns an error if the change must not be made in the given state. It is called while the
	// objects are locked.
	Check func(before change.Baseline) error
	// Failed replaces the error of the change, before it is recorded.
	Failed func(error) error
	// Remember returns records to write in the commit of the outcome, from the answer of a successful change.
	Remember func(answer proto.Message) map[string]*store.Record
	// DryRun runs every check and makes no change. JudgeOnly only authorises.
	DryRun, JudgeOnly bool
}

// Calls makes the changes. Errors are faults.
type Calls interface {
	// Call makes a change and returns the answer of its method.
	Call(ctx context.Context, c InnerCall) (proto.Message, error)
	// Replay returns the recorded answer if a request is a known retry, and false otherwise.
	Replay(ctx context.Context, of proto.Message) (answer proto.Message, known bool, err error)
	// Keyed reports whether a request has an idempotency key.
	Keyed(ctx context.Context, of proto.Message) (bool, error)
	// Wait waits until there is no open change of the named secrets.
	Wait(ctx context.Context, account, storeID string, names ...string) error
}

// Config configures the service.
type Config struct {
	Reader ObjectFinder
	Calls  Calls
	// Account returns the configured name of an account.
	Account func(idOrName string) (name string, served bool)
	// Records holds the records of finished puts.
	Records interface {
		Get(ctx context.Context, keys ...string) (map[string]store.Record, error)
	}
	// Fingerprint returns a keyed digest of a text. Nil: puts are not recorded, and every put is sent.
	Fingerprint func(text string) string
	// Status converts a fault to the status that a caller gets.
	Status func(ctx context.Context, err error) *spb.Status
}

// Service implements storekeeper.v1.SecretService. It is safe for concurrent
// use.
type Service struct {
	storekeeperv1.UnimplementedSecretServiceServer

	c Config
}

// New returns the service.
func New(c Config) *Service { return &Service{c: c} }

// place is the store of a call.
type place struct {
	// account is the account as the caller gave it, and key its configured name.
	account, key string
	storeID      string
	// names holds the name of the store under "", if the caller gave it.
	names map[string]string
}

// place finds a store by the identifier or the name that a request gives.
func (s *Service) place(ctx context.Context, account, given string) (place, error) {
	p := place{account: account, storeID: given}
	p.key, _ = s.c.Account(account)
	if contract.IsIdentifier(p.storeID) {
		return p, nil
	}
	found, exists, err := s.c.Reader.StoreNamed(ctx, p.account, p.storeID)
	if err == nil && !exists {
		err = fault.New(fault.NotFound, fault.ReasonStoreNotFound, "The account has no store with this name.")
	}
	p.names, p.storeID = map[string]string{"": given}, found.ID
	return p, err
}

// given returns the names that the caller used for the store and a secret.
func (p place) given(id, name string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, p.names)
	if id != "" {
		all[id] = name
	}
	return all
}

// forgetAge removes the age of listings from the answer, because the answer of a change does not depend on
// it.
func forgetAge(ctx context.Context) { scope.SetFreshness(ctx, scope.Freshness{}) }

// GetSecret returns one secret. If the cached listing lacks the secret, GetSecret reads a fresh listing
// before it returns NotFound.
func (s *Service) GetSecret(ctx context.Context, r *storekeeperv1.GetSecretRequest) (*storekeeperv1.GetSecretResponse, error) {
	p, err := s.place(ctx, r.GetAccount(), r.GetStore())
	if err != nil {
		return nil, err
	}
	for _, age := range []cache.Age{cache.Shown, cache.Now} {
		found, err := s.c.Reader.SecretsNamed(ctx, p.account, p.storeID, []string{r.GetName()}, age)
		if err != nil {
			return nil, err
		}
		if secret, exists := found[r.GetName()]; exists {
			return &storekeeperv1.GetSecretResponse{Secret: fromCloudflare(secret)}, nil
		}
	}
	return nil, noSecret()
}

// DeleteSecret deletes one secret.
func (s *Service) DeleteSecret(ctx context.Context, r *storekeeperv1.DeleteSecretRequest) (*storekeeperv1.DeleteSecretResponse, error) {
	defer forgetAge(ctx)
	deleted := &storekeeperv1.DeleteSecretResponse{Deleted: true}
	if _, known, err := s.c.Calls.Replay(ctx, r); known || err != nil {
		return deleted, err
	}
	for round := range maxRounds {
		exists, err := s.delete(ctx, r)
		switch {
		case errors.Is(err, change.ErrAgain):
			backOff(ctx, round, err)
		case err != nil:
			return nil, err
		case exists:
			return deleted, nil
		default:
			return s.missing(ctx, r)
		}
	}
	return nil, busy()
}

// missing answers a deletion of a secret that does not exist. An earlier try of the same call may have deleted
// the secret since the start of this call.
func (s *Service) missing(ctx context.Context, r *storekeeperv1.DeleteSecretRequest) (*storekeeperv1.DeleteSecretResponse, error) {
	if _, known, err := s.c.Calls.Replay(ctx, r); known || err != nil {
		return &storekeeperv1.DeleteSecretResponse{Deleted: true}, err
	}
	if r.GetAllowMissing() {
		return &storekeeperv1.DeleteSecretResponse{}, nil
	}
	return nil, noSecret()
}

// delete tries once to delete a secret, and reports whether it existed.
func (s *Service) delete(ctx context.Context, r *storekeeperv1.DeleteSecretRequest) (exists bool, err error) {
	p, err := s.place(ctx, r.GetAccount(), r.GetStore())
	if err != nil {
		return false, err
	}
	// Recovery may still find that a put of the secret took effect.
	if err := s.c.Calls.Wait(ctx, p.account, p.storeID, r.GetName()); err != nil {
		return false, err
	}
	// A missing entry in a cached listing proves nothing.
	found, err := s.c.Reader.SecretsNamed(ctx, p.account, p.storeID, []string{r.GetName()}, cache.Bounded)
	secret, exists := found[r.GetName()]
	if err == nil && !exists {
		found, err = s.c.Reader.SecretsNamed(ctx, p.account, p.storeID, []string{r.GetName()}, cache.Now)
		secret, exists = found[r.GetName()]
	}
	if err != nil || !exists {
		return false, err
	}
	_, err = s.c.Calls.Call(ctx, InnerCall{
		Method:  secretsstorev1.SecretsStoreService_DeleteSecret_FullMethodName,
		Request: &secretsstorev1.DeleteSecretRequest{AccountId: p.account, StoreId: p.storeID, SecretId: secret.ID},
		Of:      r, Names: p.given(secret.ID, secret.Name), Failed: again,
	})
	return true, err
}
