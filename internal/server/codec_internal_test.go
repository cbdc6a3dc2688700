package server

import (
	"bytes"
	"runtime"
	"slices"
	"testing"

	rules "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
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
	if len(got.GetSecrets()) != maxItems || got.GetAccountId() != "a" {
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

// message concatenates the fields of a protobuf message.
func message(fields ...[]byte) []byte { return slices.Concat(fields...) }

func field(number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), value)
}

// For any message of the maximum length, decoding takes little more memory than the message, in
// total and retained.
func TestDecodingAMessageTakesTheMemoryOfItsBytes(t *testing.T) {
	most := func(part []byte) []byte { return bytes.Repeat(part, (MaxMessage-100)/len(part)) }
	group := protowire.AppendTag(protowire.AppendTag(nil, 99, protowire.StartGroupType), 99, protowire.EndGroupType)
	scopes, paths, value := field(3, nil), field(1, nil), field(4, nil)
	create := func() proto.Message { return &secretsstorev1.CreateSecretsRequest{} }
	update := func() proto.Message { return &secretsstorev1.UpdateSecretRequest{} }
	remove := func() proto.Message { return &secretsstorev1.DeleteSecretsRequest{} }
	copied := func() proto.Message { return &secretsstorev1.DuplicateSecretRequest{} }
	listed := func() proto.Message { return &secretsstorev1.ListSecretsRequest{} }
	for name, c := range map[string]struct {
		into func() proto.Message
		wire []byte
	}{
		"items":                             {create, most(scopes)},
		"scopes of an item":                 {create, field(3, most(scopes))},
		"scopes of many items":              {create, most(field(3, bytes.Repeat(scopes, 1000)))},
		"scopes of an update":               {update, most(field(5, nil))},
		"scopes of a copy":                  {copied, most(field(5, nil))},
		"scopes of a filter":                {listed, most(field(8, nil))},
		"identifiers":                       {remove, most(field(3, nil))},
		"paths of a mask":                   {update, field(7, most(paths))},
		"paths of a mask in parts":          {update, most(field(7, paths))},
		"many masks":                        {update, most(field(7, nil))},
		"a value many times":                {update, most(value)},
		"a value of an item many times":     {create, field(3, most(field(4, nil)))},
		"unknown fields":                    {create, most(field(99, nil))},
		"unknown numbers":                   {create, most(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1))},
		"unknown fields of an item":         {create, field(3, most(field(99, nil)))},
		"one unknown field":                 {create, field(99, make([]byte, MaxMessage-100))},
		"groups":                            {create, most(group)},
		"groups in groups":                  {create, most(protowire.AppendTag(nil, 99, protowire.StartGroupType))},
		"a value":                           {update, field(4, bytes.Repeat([]byte("a"), MaxMessage-100))},
		"an account that is not of letters": {update, field(1, make([]byte, MaxMessage-100))},
	} {
		t.Run(name, func(t *testing.T) {
			into := c.into()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := newBoundedCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(c.wire)}, into)
			runtime.ReadMemStats(&after)
			grown := after.TotalAlloc - before.TotalAlloc
			t.Logf("%.1f MiB took %.1f MiB (%v)", float64(len(c.wire))/(1<<20), float64(grown)/(1<<20), err)
			if len(c.wire) > MaxMessage || grown > 3*MaxMessage {
				t.Errorf("%d bytes took %d", len(c.wire), grown)
			}
		})
	}
}

// A list is cut above the limit of its rule, at any depth and in any number of parts.
func TestTheCodecCutsListsAtAnyDepth(t *testing.T) {
	scopes := bytes.Repeat(field(3, []byte("workers")), 500)
	item := field(3, message(field(1, []byte("A")), scopes, field(2, []byte("v"))))
	create := &secretsstorev1.CreateSecretsRequest{}
	decode(t, message(field(1, []byte("a")), item, item, field(2, []byte("s"))), create)
	if len(create.GetSecrets()) != 2 || create.GetAccountId() != "a" || create.GetStoreId() != "s" {
		t.Fatalf("got %v", create)
	}
	for _, s := range create.GetSecrets() {
		if len(s.GetScopes()) != maxItems || s.GetName() != "A" || s.GetValue() != "v" {
			t.Errorf("%d scopes of %q", len(s.GetScopes()), s.GetName())
		}
	}
	update := &secretsstorev1.UpdateSecretRequest{}
	half := field(7, bytes.Repeat(field(1, []byte("value")), 60))
	decode(t, message(half, half, field(4, []byte("v"))), update)
	if len(update.GetUpdateMask().GetPaths()) != maxItems || update.GetValue() != "v" {
		t.Errorf("got %d paths", len(update.GetUpdateMask().GetPaths()))
	}
}

// In protobuf the last of several values counts. If the codec would have to drop values, the
// message is refused.
func TestAFieldGivenTooOftenIsRefused(t *testing.T) {
	few := message(bytes.Repeat(field(4, []byte("old")), maxItems-1), field(4, []byte("new")))
	got := &secretsstorev1.UpdateSecretRequest{}
	if decode(t, few, got); got.GetValue() != "new" {
		t.Errorf("got %q", got.GetValue())
	}
	many := message(bytes.Repeat(field(4, []byte("old")), maxItems), field(4, []byte("new")))
	if err := newBoundedCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(many)}, got); err == nil {
		t.Error("it was decoded")
	}
}

// Items that the codec drops must be refused by a rule, or they would be lost silently. A list of
// numbers could be packed into one field, and a map has no rule for its length, so requests have
// neither.
func TestEveryListThatIsClippedHasALimit(t *testing.T) {
	lists := 0
	for _, file := range []protoreflect.FileDescriptor{secretsstorev1.File_secretsstore_v1_service_proto, identityv1.File_storekeeper_identity_v1_identity_proto, storekeeperv1.File_storekeeper_v1_self_proto, storekeeperv1.File_storekeeper_v1_secrets_proto, storekeeperv1.File_storekeeper_v1_operator_proto} {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				lists += checkLists(t, methods.Get(j).Input())
			}
		}
	}
	if lists < 5 {
		t.Errorf("%d lists were looked at", lists)
	}
}

func checkLists(t *testing.T, md protoreflect.MessageDescriptor) int {
	t.Helper()
	lists := 0
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		if fd.IsMap() || fd.IsList() && fd.IsPacked() {
			t.Errorf("%s is of a kind that the codec does not bound", fd.FullName())
		}
		if fd.IsList() {
			lists++
			declared, _ := proto.GetExtension(fd.Options(), rules.E_Field).(*rules.FieldRules)
			// The paths of a mask are limited to a fixed set.
			if most := declared.GetRepeated().GetMaxItems(); md.FullName() != "google.protobuf.FieldMask" && (most == 0 || most >= maxItems) {
				t.Errorf("%s allows %d items", fd.FullName(), most)
			}
		}
		if fd.Message() != nil {
			lists += checkLists(t, fd.Message())
		}
	}
	return lists
}
