package contract

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Values lists the secret values of a request in the order of its items. They
// are for a fingerprint and must not be stored.
func Values(request proto.Message) []string {
	var values []string
	collect(request.ProtoReflect(), func(value string) { values = append(values, value) })
	return values
}

func collect(m protoreflect.Message, found func(string)) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case Secret(fd):
			found(v.String())
		case fd.IsList() && fd.Message() != nil:
			for i := range v.List().Len() {
				collect(v.List().Get(i).Message(), found)
			}
		}
		return true
	})
}
