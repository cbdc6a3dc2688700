package cfjson

import (
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// The well-known messages that JSON writes as a string.
const (
	timestampName = "google.protobuf.Timestamp"
	durationName  = "google.protobuf.Duration"
	fieldMaskName = "google.protobuf.FieldMask"
)

// IsScalar reports whether the JSON form of a field, or of the items of its list, is a string, a number or a
// word.
func IsScalar(fd protoreflect.FieldDescriptor) bool { return !fd.IsMap() && isScalarKind(fd) }

func isScalarKind(fd protoreflect.FieldDescriptor) bool {
	if fd.Message() == nil {
		return true
	}
	switch fd.Message().FullName() {
	case timestampName, durationName, fieldMaskName:
		return true
	}
	return false
}

// Wanted describes the valid values of a field in JSON and in a query.
func Wanted(fd protoreflect.FieldDescriptor) string {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return "must be a string"
	case protoreflect.BoolKind:
		return "must be true or false"
	case protoreflect.EnumKind:
		return "must be one of " + enumNames(fd.Enum())
	case protoreflect.BytesKind:
		return "must be base64"
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return "must be a number"
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return wantedMessage(fd.Message())
	default:
		return "must be a whole number"
	}
}

func wantedMessage(md protoreflect.MessageDescriptor) string {
	switch md.FullName() {
	case timestampName:
		return "must be a time such as 2026-01-31T15:04:05Z"
	case durationName:
		return "must be a number of seconds such as 30s"
	case fieldMaskName:
		return "must be names of fields, separated by commas"
	}
	return "must be an object"
}

// enumNames lists the words of an enumeration, without the word for "not set".
func enumNames(ed protoreflect.EnumDescriptor) string {
	text := ""
	for i := range ed.Values().Len() {
		if v := ed.Values().Get(i); v.Number() != 0 {
			if text != "" {
				text += ", "
			}
			text += string(v.Name())
		}
	}
	return text
}

// messageWith returns a new message that has a field. Nil: the message type is not linked into the program.
func messageWith(fd protoreflect.FieldDescriptor) protoreflect.Message {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(fd.ContainingMessage().FullName())
	if err != nil {
		return nil
	}
	return kind.New()
}
