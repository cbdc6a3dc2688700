package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
	"platform.internal/storekeeper/internal/settle"
	"platform.internal/storekeeper/internal/tenant"
)

// deletes is a service that only deletes secrets.
type deletes struct {
	secretsstorev1.UnimplementedSecretsStoreServiceServer

	delete func(context.Context, *secretsstorev1.DeleteSecretRequest) (*secretsstorev1.DeleteSecretResponse, error)
}

func (d deletes) DeleteSecret(ctx context.Context, in *secretsstorev1.DeleteSecretRequest) (*secretsstorev1.DeleteSecretResponse, error) {
	return d.delete(ctx, in)
}

// intent is that of deleting the secret s.
func intent(t *testing.T) idempotency.Intent {
	t.Helper()
	request, err := anypb.New(&secretsstorev1.DeleteSecretRequest{SecretId: "s"})
	must(t, err)
	text, err := proto.Marshal(request)
	must(t, err)
	return idempotency.Intent{
		ID: "1", Tenant: "team-a", Method: "/secretsstore.v1.SecretsStoreService/DeleteSecret", Request: text, Baseline: []byte("{}"), Began: time.Now(),
	}
}

func TestRecoveryMakesTheCallOfTheIntentAgain(t *testing.T) {
	t.Parallel()
	calls := 0
	text, err := recoverer{service: deletes{delete: func(ctx context.Context, in *secretsstorev1.DeleteSecretRequest) (*secretsstorev1.DeleteSecretResponse, error) {
		calls++
		if in.GetSecretId() != "s" || tenant.From(ctx) != "team-a" {
			t.Errorf("it deletes %s for %s", in.GetSecretId(), tenant.From(ctx))
		}
		return &secretsstorev1.DeleteSecretResponse{}, nil
	}}}.recover(t.Context(), intent(t))
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
		"an unknown method":  {edit: func(i *idempotency.Intent) { i.Method = "/x/Nothing" }, want: errUnknownMethod},
		"a broken request":   {edit: func(i *idempotency.Intent) { i.Request = []byte{0xff} }},
		"an unknown request": {edit: func(i *idempotency.Intent) { i.Request = []byte("\n\x03a/b") }},
		"a broken baseline":  {edit: func(i *idempotency.Intent) { i.Baseline = []byte("{") }},
	} {
		t.Run(name, func(t *testing.T) {
			i := intent(t)
			if test.edit != nil {
				test.edit(&i)
			}
			_, err := recoverer{service: deletes{delete: func(context.Context, *secretsstorev1.DeleteSecretRequest) (*secretsstorev1.DeleteSecretResponse, error) {
				if test.edit != nil {
					t.Error("it is made again")
				}
				return nil, test.fails
			}}}.recover(t.Context(), i)
			if err == nil || test.want != nil && !errors.Is(err, test.want) || test.want == nil && errors.Is(err, idempotency.ErrNotDone) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}
