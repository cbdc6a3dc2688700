package cfjson_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/cfjson"
	"platform.internal/storekeeper/internal/contract"
)

// BenchmarkReadRequest reads bodies.
func BenchmarkReadRequest(b *testing.B) {
	const secret = `{"name":"PAYMENTS_DB","value":"a value that is not long","scopes":["workers"],"comment":"of payments"}`
	read := func(body string, target func() any) func() error {
		return func() error { return cfjson.ReadRequest(strings.NewReader(body), target(), &contract.Mistakes{}) }
	}
	secrets := func() any { return new([]*secretsstorev1.NewSecret) }
	for name, do := range map[string]func() error{
		"store":  read(`{"name":"default"}`, func() any { return &secretsstorev1.CreateStoreRequest{} }),
		"secret": read("["+secret+"]", secrets),
		"batch":  read("["+strings.Repeat(secret+",", 99)+secret+"]", secrets),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSuccess writes envelopes.
func BenchmarkSuccess(b *testing.B) {
	at, id := timestamppb.New(time.Unix(1_700_000_000, 123_456_000)), strings.Repeat("a", 32)
	list := make([]*secretsstorev1.Secret, 20)
	for i := range list {
		list[i] = &secretsstorev1.Secret{
			Id: id, StoreId: id, Name: fmt.Sprintf("NAME_%d", i), Comment: proto.String("of payments"),
			Scopes: []string{"workers"}, Created: at, Modified: at, Status: "active",
		}
	}
	info := &secretsstorev1.ResultInfo{Count: 20, Page: 1, PerPage: 20, TotalCount: 20, TotalPages: proto.Int32(1)}
	for name, answer := range map[string]proto.Message{
		"store":  &secretsstorev1.CreateStoreResponse{Store: &secretsstorev1.Store{Id: id, Name: "default", AccountId: id, Created: at, Modified: at}},
		"secret": &secretsstorev1.GetSecretResponse{Secret: list[0]},
		"list":   &secretsstorev1.ListSecretsResponse{Secrets: list, ResultInfo: info},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var room []byte
			for b.Loop() {
				var err error
				if room, err = cfjson.Success(room[:0], answer, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
