package contract

import (
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// listLimits holds, per request type, the lists with a maximum number of items.
type listLimits map[protoreflect.FullName][]listLimit

// listLimit is a list field and its maximum number of items.
type listLimit struct {
	list protoreflect.FieldDescriptor
	max  int
}

// read adds the lists of a request type.
func (l listLimits) read(request protoreflect.MessageDescriptor) error {
	for i := range request.Fields().Len() {
		fd := request.Fields().Get(i)
		rules, err := protovalidate.ResolveFieldRules(fd)
		if err != nil {
			return err
		}
		if most := rules.GetRepeated().GetMaxItems(); fd.IsList() && most > 0 && most <= maxListLimit {
			l[request.FullName()] = append(l[request.FullName()], listLimit{list: fd, max: int(most)})
		}
	}
	return nil
}

// maxListLimit is larger than every maximum that a rule sets.
const maxListLimit = 1 << 20

// truncate returns a request whose lists have at most one item more than allowed. It violates the same rules
// as the original. Otherwise the validation library would check each of millions of items.
func (l listLimits) truncate(request proto.Message) proto.Message {
	whole := request.ProtoReflect()
	short := whole
	for _, b := range l[whole.Descriptor().FullName()] {
		all := whole.Get(b.list).List()
		if all.Len() <= b.max {
			continue
		}
		if short == whole {
			short = copyOf(whole)
		}
		list := short.NewField(b.list).List()
		for i := range b.max + 1 {
			list.Append(all.Get(i))
		}
		short.Set(b.list, protoreflect.ValueOfList(list))
	}
	return short.Interface()
}

// copyOf returns a message that shares its field values with the original.
func copyOf(m protoreflect.Message) protoreflect.Message {
	other := m.New()
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		other.Set(fd, v)
		return true
	})
	return other
}
