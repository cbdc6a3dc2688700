package policy

import (
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// longest says how many items each list of a request may have, where a rule
// bounds it.
type longest map[protoreflect.FullName]int

// read adds the lists of a request.
func (l longest) read(request protoreflect.MessageDescriptor) error {
	for i := range request.Fields().Len() {
		fd := request.Fields().Get(i)
		rules, err := protovalidate.ResolveFieldRules(fd)
		if err != nil {
			return err
		}
		if most := rules.GetRepeated().GetMaxItems(); fd.IsList() && most > 0 && most <= maxListed {
			l[fd.FullName()] = int(most)
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
	whole.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		most, bounded := l[fd.FullName()]
		if !bounded || v.List().Len() <= most {
			return true
		}
		if short == whole {
			short = copyOf(whole)
		}
		list := short.NewField(fd).List()
		for i := range most + 1 {
			list.Append(v.List().Get(i))
		}
		short.Set(fd, protoreflect.ValueOfList(list))
		return true
	})
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
