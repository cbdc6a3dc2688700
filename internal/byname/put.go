package byname

import (
	"context"
	"errors"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/upstream"
)

// PutSecret creates or updates a secret, or does nothing if the secret already has the wanted state.
func (s *Service) PutSecret(ctx context.Context, r *storekeeperv1.PutSecretRequest) (*storekeeperv1.PutSecretResponse, error) {
	defer forgetAge(ctx)
	if !r.GetValidateOnly() {
		if answer, known, err := s.c.Calls.Replay(ctx, r); known || err != nil {
			return putAnswer(answer), ofPut(err)
		}
	}
	age := cache.Bounded
	for round := range maxRounds {
		answer, err := s.put(ctx, r, age)
		if !errors.Is(err, change.ErrAgain) {
			return answer, ofPut(err)
		}
		if contradicted(err) {
			age = cache.Now
		}
		backOff(ctx, round, err)
	}
	return nil, busy()
}

// put decides once and makes the change. After change.ErrAgain no change was made.
func (s *Service) put(ctx context.Context, r *storekeeperv1.PutSecretRequest, age cache.Age) (*storekeeperv1.PutSecretResponse, error) {
	d, err := s.decide(ctx, r, age)
	if err != nil {
		return nil, err
	}
	// Only a caller that may make the change learns why the change is not made.
	d.call.JudgeOnly = d.refusal != nil || d.outcome == storekeeperv1.PutSecretResponse_UNCHANGED
	d.call.DryRun = r.GetValidateOnly()
	answer, err := s.c.Calls.Call(ctx, d.call)
	if err == nil && d.call.JudgeOnly && !d.call.DryRun {
		// An earlier try of the same call may have made the state that was seen.
		if answer, known, err := s.c.Calls.Replay(ctx, r); known || err != nil {
			return putAnswer(answer), err
		}
	}
	switch {
	case err != nil:
		return nil, err
	case d.refusal != nil:
		return nil, d.refusal
	case d.call.JudgeOnly, d.call.DryRun:
		return &storekeeperv1.PutSecretResponse{Outcome: d.outcome, Secret: d.before}, nil
	}
	return putAnswer(answer), nil
}

// putPlan is the decision of a put.
type putPlan struct {
	call    InnerCall
	outcome storekeeperv1.PutSecretResponse_Outcome
	// before is the secret before the put, nil if there is none.
	before *storekeeperv1.Secret
	// refusal is the fault of a condition that does not hold, nil if all hold.
	refusal error
}

// decide reads the secret and decides which change to make.
func (s *Service) decide(ctx context.Context, r *storekeeperv1.PutSecretRequest, age cache.Age) (putPlan, error) {
	p, err := s.place(ctx, r.GetAccount(), r.GetStore())
	if err != nil {
		return putPlan{}, err
	}
	put := &storekeeperv1.SecretPut{Name: r.GetName(), Value: r.GetValue(), Scopes: r.GetScopes(), Comment: r.Comment}
	if r.GetExpectedModified() != nil {
		age = cache.Now
	}
	seen, err := s.look(ctx, p, []*storekeeperv1.SecretPut{put}, age)
	if err != nil {
		return putPlan{}, err
	}
	old, exists := seen.found[put.GetName()]
	d := putPlan{call: s.create(p, put), outcome: storekeeperv1.PutSecretResponse_CREATED}
	if exists && !r.GetIfAbsent() {
		d.call, d.outcome = s.update(p, put, old), storekeeperv1.PutSecretResponse_UPDATED
	}
	if exists {
		d.before = fromCloudflare(old)
	}
	d.call.Of = r
	switch {
	case exists && r.GetIfAbsent():
		d.refusal = nameExists()
	case r.GetExpectedModified() == nil:
	case !exists:
		d.refusal = noSecret()
	case !old.Modified.Equal(r.GetExpectedModified().AsTime()):
		d.refusal = modified()
	default:
		d.call.Check = stillModified(old)
	}
	if d.refusal == nil && seen.unchanged[put.GetName()] {
		d.outcome = storekeeperv1.PutSecretResponse_UNCHANGED
	}
	return d, nil
}

// sight is the known state of secrets before a put.
type sight struct {
	found     map[string]upstream.Secret
	unchanged map[string]bool
}

// look finds the secrets to put. It first waits for open changes of them, so that the state includes those
// changes.
func (s *Service) look(ctx context.Context, p place, puts []*storekeeperv1.SecretPut, age cache.Age) (sight, error) {
	names := make([]string, len(puts))
	for i, put := range puts {
		names[i] = put.GetName()
	}
	if err := s.c.Calls.Wait(ctx, p.account, p.storeID, names...); err != nil {
		return sight{}, err
	}
	var seen sight
	var err error
	if seen.found, err = s.c.Reader.SecretsNamed(ctx, p.account, p.storeID, names, age); err != nil {
		return sight{}, err
	}
	seen.unchanged, err = s.unchanged(ctx, p, puts, seen.found)
	return seen, err
}

// create returns the call that creates secrets.
func (s *Service) create(p place, puts ...*storekeeperv1.SecretPut) InnerCall {
	request := &secretsstorev1.CreateSecretsRequest{AccountId: p.account, StoreId: p.storeID}
	for _, put := range puts {
		request.Secrets = append(request.Secrets, &secretsstorev1.NewSecret{
			Name: put.GetName(), Value: put.GetValue(), Scopes: put.GetScopes(), Comment: put.Comment,
		})
	}
	return InnerCall{
		Method: secretsstorev1.SecretsStoreService_CreateSecrets_FullMethodName, Request: request, Names: p.given("", ""),
		Remember: s.remember(p, puts...), Failed: again,
		Check: func(before change.Baseline) error {
			if len(before.Secrets) > 0 {
				return outdated()
			}
			return nil
		},
	}
}

// update returns the call that updates a secret.
func (s *Service) update(p place, put *storekeeperv1.SecretPut, old upstream.Secret) InnerCall {
	mask := []string{"value", "scopes"}
	if put.Comment != nil {
		mask = append(mask, "comment")
	}
	return InnerCall{
		Method: secretsstorev1.SecretsStoreService_UpdateSecret_FullMethodName,
		Request: &secretsstorev1.UpdateSecretRequest{
			AccountId: p.account, StoreId: p.storeID, SecretId: old.ID,
			Value: &put.Value, Scopes: put.GetScopes(), Comment: put.Comment, UpdateMask: &fieldmaskpb.FieldMask{Paths: mask},
		},
		Names: p.given(old.ID, put.GetName()), Remember: s.remember(p, put), Failed: again,
		Check: func(before change.Baseline) error {
			if before.LacksSecret(old.ID) {
				return outdated()
			}
			return nil
		},
	}
}

// stillModified refuses an update if the secret was changed since old was read.
func stillModified(old upstream.Secret) func(change.Baseline) error {
	return func(before change.Baseline) error {
		if at, known := before.Modified[old.ID]; !known || !at.Equal(old.Modified) {
			return outdated()
		}
		return nil
	}
}

// putAnswer converts the answer of the change to the answer of the put. It returns nil for an unknown answer.
func putAnswer(answer proto.Message) *storekeeperv1.PutSecretResponse {
	switch a := answer.(type) {
	case *secretsstorev1.CreateSecretsResponse:
		put := &storekeeperv1.PutSecretResponse{Outcome: storekeeperv1.PutSecretResponse_CREATED}
		if len(a.GetSecrets()) > 0 {
			put.Secret = fromMessage(a.GetSecrets()[0])
		}
		return put
	case *secretsstorev1.UpdateSecretResponse:
		return &storekeeperv1.PutSecretResponse{Outcome: storekeeperv1.PutSecretResponse_UPDATED, Secret: fromMessage(a.GetSecret())}
	default:
		return nil
	}
}
