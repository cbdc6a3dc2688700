package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/contract"
)

// requests returns valid requests by description.
func requests() map[string]proto.Message {
	id := strings.Repeat("a", 32)
	batch := make([]*secretsstorev1.NewSecret, 100)
	for i := range batch {
		batch[i] = &secretsstorev1.NewSecret{Name: fmt.Sprintf("NAME_%d", i), Value: "value", Scopes: []string{"workers"}}
	}
	return map[string]proto.Message{
		"store":  &secretsstorev1.CreateStoreRequest{AccountId: id, Name: "default"},
		"secret": &secretsstorev1.CreateSecretsRequest{AccountId: id, StoreId: id, Secrets: batch[:1]},
		"batch":  &secretsstorev1.CreateSecretsRequest{AccountId: id, StoreId: id, Secrets: batch},
		"get":    &secretsstorev1.GetSecretRequest{AccountId: id, StoreId: id, SecretId: id},
		"list":   &secretsstorev1.ListSecretsRequest{AccountId: id, StoreId: id},
	}
}

// BenchmarkCheck holds good requests against their rules.
func BenchmarkCheck(b *testing.B) {
	v, err := contract.NewValidator(secretsstorev1.File_secretsstore_v1_service_proto.Services().Get(0))
	if err != nil {
		b.Fatal(err)
	}
	for name, request := range requests() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := v.Check(b.Context(), request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
