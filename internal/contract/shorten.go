package contract

import (
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// longest holds the lists of each request that a rule bounds.
type longest map[protoreflect.FullName][]bounded

// bounded is a list and how many items it may have.
type bounded struct {
	list protoreflect.FieldDescriptor
	most int
}

// read adds the lists of a request.
func (l longest) read(request protoreflect.MessageDescriptor) error {
	for i := range request.Fields().Len() {
		fd := request.Fields().Get(i)
		rules, err := protovalidate.ResolveFieldRules(fd)
		if err != nil {
			return err
		}
		if most := rules.GetRepeated().GetMaxItems(); fd.IsList() && most > 0 && most <= maxListed {
			l[request.FullName()] = append(l[request.FullName()], bounded{list: fd, most: int(most)})
		}
	}
	return nil
}

// maxListed is above every bound that a rule sets.
const maxListed = 1 << 20

// shorten gives a request whose lists that are too long have one item more than
// they may. It breaks the same rules: of a list that is too long no item is
// looked at, but the library would try each of millions of empty ones.
func (l longest) shorten(request proto.Message) proto.Message {
	whole := request.ProtoReflect()
	short := whole
	for _, b := range l[whole.Descriptor().FullName()] {
		all := whole.Get(b.list).List()
		if all.Len() <= b.most {
			continue
		}
		if short == whole {
			short = copyOf(whole)
		}
		list := short.NewField(b.list).List()
		for i := range b.most + 1 {
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
