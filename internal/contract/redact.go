package contract

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// WithoutValues returns a copy of a request without the secret values. A value
// that was set becomes "", so that the copy shows that there was one.
func WithoutValues(request proto.Message) proto.Message {
	// A value must not even be copied, so proto.Clone is not used.
	out := request.ProtoReflect().New()
	copyWithoutValues(request.ProtoReflect(), out)
	return out.Interface()
}

func copyWithoutValues(from, to protoreflect.Message) {
	from.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case Secret(fd):
			if fd.HasPresence() {
				to.Set(fd, protoreflect.ValueOfString(""))
			}
		case fd.IsList() && fd.Message() != nil:
			list := to.Mutable(fd).List()
			for i := range v.List().Len() {
				item := list.NewElement()
				copyWithoutValues(v.List().Get(i).Message(), item.Message())
				list.Append(item)
			}
		default:
			to.Set(fd, v)
		}
		return true
	})
}
