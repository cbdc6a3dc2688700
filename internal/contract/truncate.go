package contract

import (
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// listLimits holds the lists of each request that a rule bounds.
type listLimits map[protoreflect.FullName][]listLimit

// listLimit is a list and how many items it may have.
type listLimit struct {
	list protoreflect.FieldDescriptor
	max  int
}

// read adds the lists of a request.
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

// maxListLimit is above every bound that a rule sets.
const maxListLimit = 1 << 20

// truncate gives a request whose lists that are too long have one item more than
// they may. It breaks the same rules: of a list that is too long no item is
// looked at, but the library would try each of millions of empty ones.
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

// copyOf gives a message with the same values, which are shared.
func copyOf(m protoreflect.Message) protoreflect.Message {
	other := m.New()
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		other.Set(fd, v)
		return true
	})
	return other
}
