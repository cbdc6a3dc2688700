package server

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/grpc"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/names"
	"platform.internal/storekeeper/internal/upstream"
)

// known is a Cloudflare with one store and one secret.
type known struct{ upstream.Reader }

func (known) Accounts() []upstream.AccountInfo {
	return []upstream.AccountInfo{{ID: "i", Name: "main"}}
}

func (known) GetStore(context.Context, upstream.StoreParams) (upstream.Answer[upstream.Store], error) {
	return upstream.Answer[upstream.Store]{Result: upstream.Store{Name: "default"}}, nil
}

func (known) GetSecret(context.Context, upstream.SecretParams) (upstream.Answer[upstream.Secret], error) {
	return upstream.Answer[upstream.Secret]{Result: upstream.Secret{Name: "PAYMENTS_DB"}}, nil
}

// BenchmarkAuthorise measures the authorise step alone, with cached names and a thousand rules of
// other tenants.
func BenchmarkAuthorise(b *testing.B) {
	methods, err := contract.Methods(secretsstorev1.File_secretsstore_v1_service_proto.Services().Get(0))
	if err != nil {
		b.Fatal(err)
	}
	resolver, err := names.New(known{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	rules := `rules:
  - {id: own, actions: [secret.*], when: 'principal.tenant == "payments" && store == "default" && secret.startsWith("PAYMENTS_")'}
  - {id: root, actions: ["*"], when: 'principal.name == "root"'}`
	for i := range 1000 {
		rules += fmt.Sprintf("\n  - {id: r%d, actions: [secret.*], when: 'principal.tenant == \"team-%d\" && store == \"default\"'}", i, i)
	}
	engine, _, err := authz.Parse([]byte(rules))
	if err != nil {
		b.Fatal(err)
	}
	step := authorise(&Rights{Methods: methods, Rules: authz.Fixed(engine), Names: resolver})
	request := &secretsstorev1.GetSecretRequest{AccountId: "main", StoreId: "s", SecretId: "i"}
	info := &grpc.UnaryServerInfo{FullMethod: secretsstorev1.SecretsStoreService_GetSecret_FullMethodName}
	handler := func(context.Context, any) (any, error) { return struct{}{}, nil }
	for name, caller := range map[string]authn.Principal{
		"by name": {Name: "app", Tenant: "payments"}, "whatever the name": {Name: "root"},
	} {
		b.Run(name, func(b *testing.B) {
			ctx := authn.WithPrincipal(b.Context(), &caller)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := step(ctx, request, info, handler); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
