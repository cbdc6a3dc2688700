package service_test

import (
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/service"
)

const canary = "canary-value"

// fill sets each text of a request: secret values to the canary.
func fill(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		text := protoreflect.ValueOfString("text")
		if contract.Secret(fd) {
			text = protoreflect.ValueOfString(canary)
		}
		switch {
		case fd.IsMap(), fd.Kind() == protoreflect.MessageKind && !fd.IsList():
		case fd.IsList() && fd.Message() != nil:
			item := m.Mutable(fd).List().NewElement()
			fill(item.Message())
			m.Mutable(fd).List().Append(item)
		case fd.Kind() == protoreflect.StringKind && fd.IsList():
			m.Mutable(fd).List().Append(text)
		case fd.Kind() == protoreflect.StringKind:
			m.Set(fd, text)
		case fd.Kind() == protoreflect.BoolKind:
			m.Set(fd, protoreflect.ValueOfBool(true))
		}
	}
}

// TestEachRPCThatChangesSomethingIsOneOperation covers all RPCs of the service, so that a new RPC
// is either a read or has a separate operation.
func TestEachRPCThatChangesSomethingIsOneOperation(t *testing.T) {
	descriptor := secretsstorev1.File_secretsstore_v1_service_proto.Services().ByName("SecretsStoreService")
	declared, err := contract.Methods(descriptor)
	if err != nil {
		t.Fatal(err)
	}
	methods := descriptor.Methods()
	kinds := map[change.Kind]bool{}
	for i := range methods.Len() {
		m := methods.Get(i)
		kind, err := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
		if err != nil {
			t.Fatal(err)
		}
		request := kind.New().Interface()
		fill(request.ProtoReflect())
		op, values, changes := service.Op(request)
		if d := declared["/"+string(descriptor.FullName())+"/"+string(m.Name())]; changes != d.Changes {
			t.Errorf("%s: it is an operation: %t, and its declaration says %t", m.Name(), changes, d.Changes)
		}
		if !changes {
			continue
		}
		kinds[op.Kind] = true
		text, err := json.Marshal(op)
		if err != nil || strings.Contains(string(text), canary) || !strings.Contains(string(text), `"text"`) {
			t.Errorf("%s is kept as %s, %v", m.Name(), text, err)
		}
		for _, v := range values {
			if string(v) != canary {
				t.Errorf("%s has another value than that of its request", m.Name())
			}
		}
		if has := strings.Contains(wire(t, request), canary); has != (len(values) > 0) {
			t.Errorf("%s: there are %d values, and its request has one: %t", m.Name(), len(values), has)
		}
		if answer := service.Response(op.Kind, change.Result{}); answer == nil || answer.ProtoReflect().Descriptor() != m.Output() {
			t.Errorf("%s is answered with %T", m.Name(), answer)
		}
	}
	if len(kinds) != 7 {
		t.Errorf("the kinds of changes are %v, want seven", kinds)
	}
	if service.Response("PutSecret", change.Result{}) != nil {
		t.Error("there is an answer to a change that does not exist")
	}
}

func wire(t *testing.T, m proto.Message) string {
	t.Helper()
	text, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
