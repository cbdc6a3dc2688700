package server

import (
	"bytes"
	"runtime"
	"testing"

	rules "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

func decode(t *testing.T, wire []byte, into proto.Message) {
	t.Helper()
	if err := newBoundedCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(wire)}, into); err != nil {
		t.Fatal(err)
	}
}

func TestTheCodecDecodesWhatRulesAllow(t *testing.T) {
	for _, items := range []int{0, 1, 100, 101} {
		want := &secretsstorev1.CreateSecretsRequest{AccountId: "a", StoreId: "s"}
		for range items {
			want.Secrets = append(want.Secrets, &secretsstorev1.NewSecret{Name: "n", Value: "v", Scopes: []string{"workers"}})
		}
		wire, err := proto.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got := &secretsstorev1.CreateSecretsRequest{}
		decode(t, wire, got)
		if !proto.Equal(got, want) {
			t.Errorf("%d items became %d", items, len(got.GetSecrets()))
		}
	}
}

func TestTheCodecBoundsWhatAMessageBecomes(t *testing.T) {
	const emptyItem = "\x1a\x00"
	wire := append(bytes.Repeat([]byte(emptyItem), MaxMessage/2-100), "\x0a\x01a"...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := &secretsstorev1.CreateSecretsRequest{}
	decode(t, wire, got)
	runtime.ReadMemStats(&after)
	if len(got.GetSecrets()) != mostItems || got.GetAccountId() != "a" {
		t.Errorf("got %d items of account %q", len(got.GetSecrets()), got.GetAccountId())
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4*MaxMessage {
		t.Errorf("%d bytes became %d", len(wire), grown)
	}
}

func TestTheCodecRefusesWhatIsNoMessage(t *testing.T) {
	err := newBoundedCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer("\x1a\xff")}, &secretsstorev1.CreateSecretsRequest{})
	if err == nil {
		t.Error("a cut message was decoded")
	}
}

// What the codec leaves out must be refused by a rule, or it would be lost
// without a word.
func TestEveryListThatIsClippedHasALimit(t *testing.T) {
	service := secretsstorev1.File_secretsstore_v1_service_proto.Services().Get(0)
	lists := 0
	for i := range service.Methods().Len() {
		fields := service.Methods().Get(i).Input().Fields()
		for j := range fields.Len() {
			fd := fields.Get(j)
			if !fd.IsList() {
				continue
			}
			lists++
			declared, _ := proto.GetExtension(fd.Options(), rules.E_Field).(*rules.FieldRules)
			if most := declared.GetRepeated().GetMaxItems(); most == 0 || most >= mostItems {
				t.Errorf("%s allows %d items", fd.FullName(), most)
			}
		}
	}
	if lists == 0 {
		t.Error("no list was looked at")
	}
}
