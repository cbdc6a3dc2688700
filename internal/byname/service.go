// Package byname implements the RPCs of storekeeper.v1.SecretService: it finds
// secrets by their names, decides which change makes a secret what it is wanted
// to be, and has that change made as a call of SecretsStoreService.
//
// The package must not know who is calling, over which protocol, or how rights,
// records and the audit trail are kept: the change that it decides on passes
// them like every other.
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

// maxRounds is how often a call decides because the state has changed since it
// looked. Each time another change of the same secret has succeeded, or
// Cloudflare's list does not show yet what its refusal is about.
const maxRounds = 12

// ObjectFinder finds objects by their names.
type ObjectFinder interface {
	SecretsNamed(ctx context.Context, account, storeID string, names []string, age cache.Age) (map[string]upstream.Secret, error)
	StoreNamed(ctx context.Context, account, name string) (upstream.Store, bool, error)
}

// InnerCall is a change that a call by name has decided on.
type InnerCall struct {
	// Method is the full name of the method that makes the change, and Request is
	// its request.
	Method  string
	Request proto.Message
	// Of is the request of the caller, which a repeat and its idempotency key are
	// recognised by. Nil: the change is recognised by Request, without a key.
	Of proto.Message
	// Names are the names that the caller gave for the identifiers in Request:
	// that of the store under "", those of secrets under their identifiers.
	Names map[string]string
	// Check refuses the change by the state before it, while its objects are
	// locked.
	Check func(before change.Baseline) error
	// Failed replaces the error of the change, before it is recorded.
	Failed func(error) error
	// Remember returns records that are written in the commit of the outcome, from
	// the answer of a change that was made.
	Remember func(answer proto.Message) map[string]*store.Record
	// DryRun runs every check and makes no change. JudgeOnly only authorises.
	DryRun, JudgeOnly bool
}

// Calls makes the changes. Errors are faults.
type Calls interface {
	// Call makes a change and returns the answer of its method.
	Call(ctx context.Context, c InnerCall) (proto.Message, error)
	// Replay returns the answer of the change that a request repeats, and false if
	// the request is not known to repeat one.
	Replay(ctx context.Context, of proto.Message) (answer proto.Message, known bool, err error)
	// Keyed reports whether a request has an idempotency key.
	Keyed(ctx context.Context, of proto.Message) (bool, error)
	// Wait waits until no change is under way of the secrets with the names.
	Wait(ctx context.Context, account, storeID string, names ...string) error
}

// Config is what the service needs.
type Config struct {
	Reader ObjectFinder
	Calls  Calls
	// Account returns the configured name of an account.
	Account func(idOrName string) (name string, served bool)
	// Records are where finished puts are remembered.
	Records interface {
		Get(ctx context.Context, keys ...string) (map[string]store.Record, error)
	}
	// Fingerprint returns a keyed digest of a text. Nil: nothing is remembered of
	// a put, and every put is sent.
	Fingerprint func(text string) string
	// Status returns a fault as it is sent to a caller.
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

// given are the names that the caller gave for the store and for a secret.
func (p place) given(id, name string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, p.names)
	if id != "" {
		all[id] = name
	}
	return all
}

// forgetAge has the answer to a change say nothing of the age of what was seen
// before the change.
func forgetAge(ctx context.Context) { scope.SetFreshness(ctx, scope.Freshness{}) }

// GetSecret returns one secret. That it is not in what was last seen proves
// nothing, so Cloudflare is asked before the caller is told so.
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
		case r.GetAllowMissing():
			return &storekeeperv1.DeleteSecretResponse{}, nil
		default:
			return nil, noSecret()
		}
	}
	return nil, busy()
}

// delete tries once to delete a secret, and reports whether it existed.
func (s *Service) delete(ctx context.Context, r *storekeeperv1.DeleteSecretRequest) (exists bool, err error) {
	p, err := s.place(ctx, r.GetAccount(), r.GetStore())
	if err != nil {
		return false, err
	}
	// A put of the secret whose answer was lost may still be found to be made.
	if err := s.c.Calls.Wait(ctx, p.account, p.storeID, r.GetName()); err != nil {
		return false, err
	}
	// That it is not in what was last seen proves nothing.
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
