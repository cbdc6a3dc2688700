package server_test

import (
	"context"
	"testing"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/server/servertest"
)

// idle is a service that does nothing, and a trail that keeps nothing.
type idle struct {
	secretsstorev1.SecretsStoreServiceServer
}

func (idle) GetSecret(context.Context, *secretsstorev1.GetSecretRequest) (*secretsstorev1.GetSecretResponse, error) {
	return &secretsstorev1.GetSecretResponse{}, nil
}

func (idle) UpdateSecret(context.Context, *secretsstorev1.UpdateSecretRequest) (*secretsstorev1.UpdateSecretResponse, error) {
	return &secretsstorev1.UpdateSecretResponse{}, nil
}

func (idle) CreateStore(context.Context, *secretsstorev1.CreateStoreRequest) (*secretsstorev1.CreateStoreResponse, error) {
	return &secretsstorev1.CreateStoreResponse{}, nil
}

type noTrail struct{}

func (noTrail) Denial(context.Context, audit.Record) error { return nil }

// BenchmarkChain is a whole call around a service that does nothing.
func BenchmarkChain(b *testing.B) {
	w := start(b, servertest.Config{
		Denials: noTrail{}, Callers: []authn.Principal{payments},
		Rules:   rules + "  - {id: payments-make-stores, actions: [store.create], when: 'principal.tenant == \"payments\"'}\n",
		Secrets: func(secretsstorev1.SecretsStoreServiceServer) secretsstorev1.SecretsStoreServiceServer { return idle{} },
	})
	doors := map[string]servertest.Client{"inproc": w.As(payments), "grpc": servertest.Over(w.Listen(b), payments.Name)}
	for door, client := range doors {
		for name, c := range map[string]struct {
			call    call
			refused bool
		}{"create": {w.rpcs()[0].call, false}, "read": {w.get(w.payA), false}, "change": {w.update(w.payA), false}, "denied": {w.get(w.searchA), true}} {
			b.Run(door+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := c.call(b.Context(), client); (err != nil) != c.refused {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
