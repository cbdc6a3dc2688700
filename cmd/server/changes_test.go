package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/settle"
)

// intent is that of deleting the secret s.
func intent(t *testing.T) idempotency.Intent {
	t.Helper()
	return idempotency.Intent{
		ID: "1", Tenant: "team-a", Method: "/secretsstore.v1.SecretsStoreService/DeleteSecret", Baseline: []byte("{}"), Began: time.Now(),
		Op: []byte(`{"kind":"DeleteSecret","account":"main","store_id":"t","secret_ids":["s"]}`),
	}
}

func TestRecoveryMakesTheCallOfTheIntentAgain(t *testing.T) {
	t.Parallel()
	calls := 0
	text, err := recoverer{apply: func(ctx context.Context, a *change.Attempt) (change.Result, error) {
		calls++
		if !a.InspectOnly || a.ID != "1" || a.Op.Kind != change.DeleteSecret || !slices.Equal(a.Op.SecretIDs, []string{"s"}) || scope.Tenant(ctx) != "team-a" {
			t.Errorf("it makes %+v for %s", a, scope.Tenant(ctx))
		}
		return change.Result{}, nil
	}}.recover(t.Context(), &idempotency.Operation{Intent: intent(t)})
	must(t, err)
	answer := &anypb.Any{}
	must(t, proto.Unmarshal(text, answer))
	if calls != 1 || !answer.MessageIs(&secretsstorev1.DeleteSecretResponse{}) {
		t.Errorf("after %d calls the answer is a %s", calls, answer.GetTypeUrl())
	}
}

func TestRecoveryThatFails(t *testing.T) {
	t.Parallel()
	away := fault.New(fault.Unavailable, "UPSTREAM_UNAVAILABLE", "Away.")
	for name, test := range map[string]struct {
		edit  func(*idempotency.Intent)
		fails error
		want  error
	}{
		"not done":           {fails: settle.ErrNotDone, want: idempotency.ErrNotDone},
		"done in part":       {fails: settle.ErrPartlyDone, want: idempotency.ErrUnproven},
		"cannot be seen":     {fails: settle.ErrUnproven, want: idempotency.ErrUnproven},
		"not known":          {fails: away, want: away},
		"no operation":       {edit: func(i *idempotency.Intent) { i.Op = nil }},
		"a broken operation": {edit: func(i *idempotency.Intent) { i.Op = []byte(`{"kind":`) }},
		"a broken baseline":  {edit: func(i *idempotency.Intent) { i.Baseline = []byte("{") }},
	} {
		t.Run(name, func(t *testing.T) {
			i := intent(t)
			if test.edit != nil {
				test.edit(&i)
			}
			_, err := recoverer{apply: func(context.Context, *change.Attempt) (change.Result, error) {
				if test.edit != nil {
					t.Error("it is made again")
				}
				return change.Result{}, test.fails
			}}.recover(t.Context(), &idempotency.Operation{Intent: i})
			if err == nil || test.want != nil && !errors.Is(err, test.want) || test.want == nil && errors.Is(err, idempotency.ErrNotDone) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}
