package contract

import (
	"slices"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"platform.internal/storekeeper/internal/fault"
)

// strictFields holds, per request type, the fields that the rules of the
// validation library leave too much room: it accepts times that no clock shows,
// and masks of parts of a field that may be in the mask.
type strictFields map[protoreflect.FullName][]strictField

// strictField is a time, or a mask and the paths that it may have.
type strictField struct {
	field protoreflect.FieldDescriptor
	paths []string
}

// read adds the times and masks of a request type.
func (s strictFields) read(request protoreflect.MessageDescriptor) error {
	for i := range request.Fields().Len() {
		fd := request.Fields().Get(i)
		if fd.Message() == nil || fd.IsList() || fd.IsMap() {
			continue
		}
		one := strictField{field: fd}
		switch fd.Message().FullName() {
		case (&timestamppb.Timestamp{}).ProtoReflect().Descriptor().FullName():
		case (&fieldmaskpb.FieldMask{}).ProtoReflect().Descriptor().FullName():
			rules, err := protovalidate.ResolveFieldRules(fd)
			if err != nil {
				return err
			}
			one.paths = rules.GetFieldMask().GetIn()
		default:
			continue
		}
		s[request.FullName()] = append(s[request.FullName()], one)
	}
	return nil
}

// mistakes returns the times and masks of a request that are wrong.
func (s strictFields) mistakes(request proto.Message) []fault.Field {
	m := request.ProtoReflect()
	var found []fault.Field
	for _, one := range s[m.Descriptor().FullName()] {
		if !m.Has(one.field) {
			continue
		}
		text := ""
		switch value := m.Get(one.field).Message().Interface().(type) {
		case *timestamppb.Timestamp:
			if value.CheckValid() != nil {
				text = "must be a time from year 1 to year 9999, with nanos from 0 to 999999999"
			}
		case *fieldmaskpb.FieldMask:
			if slices.ContainsFunc(value.GetPaths(), func(path string) bool { return !slices.Contains(one.paths, path) }) {
				text = "must be one of " + strings.Join(one.paths, ", ")
			}
		}
		if text != "" {
			name := string(one.field.Name())
			found = append(found, fault.Field{Path: name, Reason: strings.ToUpper(name) + "_INVALID", Text: text})
		}
	}
	return found
}
