package byname_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/byname"
	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/upstream"
)

const storeID = "0123456789abcdef0123456789abcdef"

// firstTry makes the change of a call while a retry of the call looks for the secret. The retry has looked for a
// record before, in vain.
type firstTry struct {
	byname.Calls

	answer  proto.Message
	secrets map[string]upstream.Secret
	ended   bool
}

func (f *firstTry) Replay(context.Context, proto.Message) (proto.Message, bool, error) {
	if !f.ended {
		return nil, false, nil
	}
	return f.answer, true, nil
}

func (f *firstTry) Wait(context.Context, string, string, ...string) error { return nil }

func (f *firstTry) Call(_ context.Context, c byname.InnerCall) (proto.Message, error) {
	if !c.JudgeOnly {
		panic("the change is made twice")
	}
	return nil, nil
}

func (f *firstTry) SecretsNamed(context.Context, string, string, []string, cache.Age) (map[string]upstream.Secret, error) {
	f.ended = true
	return f.secrets, nil
}

func (f *firstTry) StoreNamed(context.Context, string, string) (upstream.Store, bool, error) {
	return upstream.Store{}, false, nil
}

// Get returns the record of a put of any secret.
func (f *firstTry) Get(_ context.Context, keys ...string) (map[string]store.Record, error) {
	found := map[string]store.Record{}
	for _, key := range keys {
		found[key] = store.Record{Value: []byte(`{"print":"same","modified":"1970-01-01T00:00:02Z"}`)}
	}
	return found, nil
}

func TestARetryGetsTheAnswerOfAFirstTryThatEndsMeanwhile(t *testing.T) {
	before, after := time.Unix(1, 0), time.Unix(2, 0)
	there := map[string]upstream.Secret{"A": {ID: "1", Name: "A", Modified: after}}
	created := &secretsstorev1.CreateSecretsResponse{Secrets: []*secretsstorev1.Secret{{Id: "1", Name: "A"}}}
	updated := &secretsstorev1.UpdateSecretResponse{Secret: &secretsstorev1.Secret{Id: "1", Name: "A"}}
	put := func(edit func(*storekeeperv1.PutSecretRequest)) func(context.Context, *byname.Service) (any, error) {
		return func(ctx context.Context, s *byname.Service) (any, error) {
			r := &storekeeperv1.PutSecretRequest{Account: "main", Store: storeID, Name: "A", Value: "v", Scopes: []string{"dex"}}
			edit(r)
			answer, err := s.PutSecret(ctx, r)
			return answer.GetOutcome(), err
		}
	}
	remove := func(allowMissing bool) func(context.Context, *byname.Service) (any, error) {
		return func(ctx context.Context, s *byname.Service) (any, error) {
			answer, err := s.DeleteSecret(ctx, &storekeeperv1.DeleteSecretRequest{Account: "main", Store: storeID, Name: "A", AllowMissing: allowMissing})
			return answer.GetDeleted(), err
		}
	}
	for name, tc := range map[string]struct {
		first *firstTry
		retry func(context.Context, *byname.Service) (any, error)
		want  any
	}{
		"a create, if absent": {
			&firstTry{answer: created, secrets: there}, put(func(r *storekeeperv1.PutSecretRequest) { r.IfAbsent = true }),
			storekeeperv1.PutSecretResponse_CREATED,
		},
		"an update, if not modified": {
			&firstTry{answer: updated, secrets: there}, put(func(r *storekeeperv1.PutSecretRequest) { r.ExpectedModified = timestamppb.New(before) }),
			storekeeperv1.PutSecretResponse_UPDATED,
		},
		"a create": {
			&firstTry{answer: created, secrets: there}, put(func(*storekeeperv1.PutSecretRequest) {}), storekeeperv1.PutSecretResponse_CREATED,
		},
		"a deletion":                       {&firstTry{}, remove(false), true},
		"a deletion that may find nothing": {&firstTry{}, remove(true), true},
	} {
		t.Run(name, func(t *testing.T) {
			s := byname.New(byname.Config{
				Reader: tc.first, Calls: tc.first, Records: tc.first, Fingerprint: func(string) string { return "same" },
				Account: func(name string) (string, bool) { return name, true },
			})
			if got, err := tc.retry(t.Context(), s); err != nil || got != tc.want {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}
