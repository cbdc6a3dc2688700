package main

import (
	"errors"
	"iter"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Names of the option that says how far a field may travel, and of the answer
// that means: to Cloudflare and nowhere else.
const (
	fieldPolicy = "storekeeper.policy.v1.field"
	secretValue = "SENSITIVITY_SECRET"
)

// secretFields lists the fields, by full name, that hold the value of a
// secret. The option is read from the descriptors at hand and not from
// generated code, which may be older than the proto files.
func secretFields(files []*descriptorpb.FileDescriptorProto) (map[protoreflect.FullName]bool, error) {
	registry, err := protodesc.NewFiles(&descriptorpb.FileDescriptorSet{File: files})
	if err != nil {
		return nil, err
	}
	types := dynamicpb.NewTypes(registry)
	found := map[protoreflect.FullName]bool{}
	var failed error
	registry.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for field := range fieldsOf(file) {
			secret, err := isSecret(field, types)
			failed = errors.Join(failed, err)
			found[field.FullName()] = secret
		}
		return failed == nil
	})
	return found, failed
}

// fieldsOf goes over the fields of the messages of a file.
func fieldsOf(file protoreflect.FileDescriptor) iter.Seq[protoreflect.FieldDescriptor] {
	return func(yield func(protoreflect.FieldDescriptor) bool) {
		for i := range file.Messages().Len() {
			fields := file.Messages().Get(i).Fields()
			for j := range fields.Len() {
				if !yield(fields.Get(j)) {
					return
				}
			}
		}
	}
}

// isSecret reads the sensitivity that a field declares.
func isSecret(field protoreflect.FieldDescriptor, types *dynamicpb.Types) (bool, error) {
	raw, err := proto.Marshal(field.Options())
	if err != nil {
		return false, err
	}
	options := &descriptorpb.FieldOptions{}
	if err := (proto.UnmarshalOptions{Resolver: types}).Unmarshal(raw, options); err != nil {
		return false, err
	}
	secret := false
	options.ProtoReflect().Range(func(option protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if option.FullName() == fieldPolicy {
			declared := value.Message()
			sensitivity := declared.Descriptor().Fields().ByName("sensitivity")
			number := declared.Get(sensitivity).Enum()
			name := sensitivity.Enum().Values().ByNumber(number)
			secret = name != nil && name.Name() == secretValue
		}
		return true
	})
	return secret, nil
}
