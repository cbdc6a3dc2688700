package server

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/contract"
)

// intents keeps the intents that it is given.
type intents struct{ kept []audit.Record }

func (i *intents) Intent(_ context.Context, r audit.Record) error {
	i.kept = append(i.kept, r)
	return nil
}
func (*intents) Outcome(context.Context, audit.Record)      {}
func (*intents) Denial(context.Context, audit.Record) error { return nil }

func TestAnIntentHoldsFingerprintsWhereTheyAreWanted(t *testing.T) {
	const create, change = secretsstorev1.SecretsStoreService_CreateSecrets_FullMethodName, secretsstorev1.SecretsStoreService_UpdateSecret_FullMethodName
	methods := map[string]*contract.Method{create: {Changes: true}, change: {Changes: true}}
	batch := &secretsstorev1.CreateSecretsRequest{Secrets: []*secretsstorev1.NewSecret{{Name: "A", Value: "one"}, {Name: "B", Value: "two"}}}
	cases := []struct {
		name, method string
		request      proto.Message
		of           func(string) string
		secrets      int
		want         []string
	}{
		{"of a batch", create, batch, func(v string) string { return "of " + v }, 2, []string{"of one", "of two"}},
		{"of a change", change, &secretsstorev1.UpdateSecretRequest{Value: proto.String("new")}, func(v string) string { return "of " + v }, 1, []string{"of new"}},
		{"of a change of something else", change, &secretsstorev1.UpdateSecretRequest{Comment: proto.String("c")}, func(v string) string { return "of " + v }, 1, []string{""}},
		{"where none are wanted", create, batch, nil, 2, []string{"", ""}},
	}
	for _, c := range cases {
		to := &intents{}
		ctx := withAudit(t.Context(), &auditContext{secrets: make([]audit.Secret, c.secrets)})
		_, err := auditIntent(Chain{Trail: to, Rights: Rights{Methods: methods}, Fingerprint: c.of})(ctx, c.request,
			&grpc.UnaryServerInfo{FullMethod: c.method}, func(context.Context, any) (any, error) { return nil, nil })
		if err != nil || len(to.kept) != 1 {
			t.Fatalf("%s: %v, %d intents", c.name, err, len(to.kept))
		}
		for i, want := range c.want {
			if got := to.kept[0].Secrets[i].Fingerprint; got != want {
				t.Errorf("%s: secret %d has %q", c.name, i, got)
			}
		}
	}
}
