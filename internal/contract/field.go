package contract

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	policyv1 "platform.internal/storekeeper/gen/storekeeper/policy/v1"
)

// FieldPolicy returns the declaration of a field in the proto file. It is never nil.
func FieldPolicy(fd protoreflect.FieldDescriptor) *policyv1.FieldPolicy {
	if p, ok := proto.GetExtension(fd.Options(), policyv1.E_Field).(*policyv1.FieldPolicy); ok && p != nil {
		return p
	}
	return &policyv1.FieldPolicy{}
}

// Secret reports whether the field holds secret values, which go to Cloudflare
// and nowhere else.
func Secret(fd protoreflect.FieldDescriptor) bool {
	return FieldPolicy(fd).GetSensitivity() == policyv1.Sensitivity_SENSITIVITY_SECRET
}
