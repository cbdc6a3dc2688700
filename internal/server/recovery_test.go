package server_test

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
	"platform.internal/storekeeper/internal/server"
	"platform.internal/storekeeper/internal/service"
	"platform.internal/storekeeper/internal/upstream"
)

// intentOf is an intent that an earlier life has left.
func intentOf(op string) idempotency.Intent {
	return idempotency.Intent{ID: "1", Tenant: "team-a", Op: []byte(op), Baseline: []byte(`{"secrets":{"A":"before"}}`), Began: time.Now()}
}

const (
	deletion = `{"kind":"DeleteSecret","account":"main","store_id":"t","secret_ids":["s"]}`
	creation = `{"kind":"CreateSecrets","account":"main","store_id":"t","secrets":[{"name":"A"}]}`
)

func TestRecoveryInspectsTheOperationOfTheIntent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		op     string
		kind   change.Kind
		result change.Result
		answer proto.Message
		made   []string
	}{
		"a deletion": {deletion, change.DeleteSecret, change.Result{}, &secretsstorev1.DeleteSecretResponse{}, nil},
		"a creation": {creation, change.CreateSecrets, change.Result{Secrets: []upstream.Secret{{ID: "new", Name: "A"}}}, &secretsstorev1.CreateSecretsResponse{}, []string{"new"}},
	} {
		ended := time.Now()
		op := &idempotency.Operation{Intent: intentOf(tc.op), Ended: ended}
		inspect := func(ctx context.Context, a *change.Attempt) (change.Result, error) {
			if a.ID != "1" || a.Op.Kind != tc.kind || !a.NotBefore.Equal(ended) || a.Baseline.Secrets["A"] != "before" || scope.Tenant(ctx) != "team-a" {
				t.Errorf("%s: it inspects %+v for %s", name, a, scope.Tenant(ctx))
			}
			return tc.result, nil
		}
		text, err := server.Recovery{Inspect: inspect, Response: service.Response}.Recover(t.Context(), op)
		if err != nil {
			t.Fatal(err)
		}
		answer := &anypb.Any{}
		if err := proto.Unmarshal(text, answer); err != nil || !answer.MessageIs(tc.answer) || !slices.Equal(op.Made, tc.made) {
			t.Errorf("%s: the answer is a %s, %v, and %v was made", name, answer.GetTypeUrl(), err, op.Made)
		}
	}
}

func TestRecoveryThatFails(t *testing.T) {
	t.Parallel()
	broken := func(edit func(*idempotency.Intent)) idempotency.Intent {
		i := intentOf(deletion)
		edit(&i)
		return i
	}
	away := fault.New(fault.Unavailable, "UPSTREAM_UNAVAILABLE", "Away.")
	for name, test := range map[string]struct {
		intent idempotency.Intent
		fails  error
	}{
		"not done":           {intentOf(deletion), change.ErrNotDone},
		"cannot be seen":     {intentOf(deletion), change.ErrUnproven},
		"not known":          {intentOf(deletion), away},
		"no operation":       {broken(func(i *idempotency.Intent) { i.Op = nil }), nil},
		"a broken operation": {broken(func(i *idempotency.Intent) { i.Op = []byte(`{"kind":`) }), nil},
		"a broken baseline":  {broken(func(i *idempotency.Intent) { i.Baseline = []byte("{") }), nil},
	} {
		_, err := server.Recovery{Response: service.Response, Inspect: func(context.Context, *change.Attempt) (change.Result, error) {
			if test.fails == nil {
				t.Errorf("%s: it is inspected", name)
			}
			return change.Result{}, test.fails
		}}.Recover(t.Context(), &idempotency.Operation{Intent: test.intent})
		if err == nil || !errors.Is(err, test.fails) && test.fails != nil || errors.Is(err, change.ErrNotDone) != (name == "not done") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
