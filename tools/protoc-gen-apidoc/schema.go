package main

import (
	"maps"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// schemas collects the named schemas of the document.
type schemas struct {
	// secrets are the fields that hold the value of a secret.
	secrets map[protoreflect.FullName]bool
	named   map[string]object
}

// use reports whether a message stands in a request or in an answer, which
// decides what is required and what may be added.
type use bool

const (
	inRequest use = true
	inAnswer  use = false
)

// assemble returns the named schemas, sorted by name.
func (s *schemas) assemble() object {
	var out object
	for _, name := range slices.Sorted(maps.Keys(s.named)) {
		out = out.with(name, s.named[name])
	}
	return out
}

// reference returns a reference to the schema of a message, and adds the schema at the first use.
func (s *schemas) reference(message *protogen.Message, where use) object {
	if message.Desc.FullName() == rpcStatus {
		s.addStatus()
		return object{{"$ref", "#/components/schemas/" + statusName}}
	}
	name := schemaName(message)
	if _, made := s.named[name]; !made {
		s.named[name] = nil // Stops a message that holds itself.
		s.named[name] = s.message(message, message.Fields, where)
	}
	return object{{"$ref", "#/components/schemas/" + name}}
}

// schemaName is the name of the schema of a message. Client generators name code
// of their own after operations and schemas: oapi-codegen has a type
// CreateStoreResponse for the operation CreateStore, and openapi-generator has a
// function NewSecret for the schema Secret.
func schemaName(message *protogen.Message) string {
	name := string(message.Desc.Name())
	if isNative(message.Desc) {
		return nativePrefix + name
	}
	if operation, ok := strings.CutSuffix(name, "Response"); ok {
		return operation + "Envelope"
	}
	if made, ok := strings.CutPrefix(name, "New"); ok {
		return made + "Input"
	}
	return name
}

// message is the schema of a JSON object with these fields of a message.
func (s *schemas) message(message *protogen.Message, fields []*protogen.Field, where use) object {
	required := []string{}
	var properties object
	for _, field := range fields {
		properties = properties.with(jsonName(field), s.field(field, where))
		if isRequired(field, where) {
			required = append(required, jsonName(field))
		}
	}
	out := object{{"type", "object"}}.withText("description", prose(message.Comments.Leading))
	if len(required) > 0 {
		out = out.with("required", required)
	}
	out = out.with("properties", properties)
	if where == inRequest {
		// The facade refuses unknown keys by name.
		out = out.with("additionalProperties", false)
	}
	return out
}

// field returns the schema of a field with its comment.
func (s *schemas) field(field *protogen.Field, where use) object {
	rules := rulesOf(field)
	var out object
	if field.Desc.IsList() {
		out = listSchema(s.value(field, rules.GetRepeated().GetItems(), where), rules.GetRepeated())
	} else {
		out = s.value(field, rules, where)
	}
	if isNullable(field) {
		out[0].value = []string{"string", "null"}
	}
	out = out.withText("description", prose(field.Comments.Leading))
	if s.secrets[field.Desc.FullName()] {
		out = out.with("writeOnly", true)
	}
	return out
}

// value returns the schema of a field's value, or of an item of a list.
func (s *schemas) value(field *protogen.Field, rules *validate.FieldRules, where use) object {
	switch kind := field.Desc.Kind(); kind {
	case protoreflect.MessageKind:
		if schema := wellKnown(field.Message.Desc); schema != nil {
			return schema
		}
		return s.reference(field.Message, where)
	case protoreflect.EnumKind:
		return enumSchema(field, where)
	case protoreflect.BoolKind:
		return object{{"type", "boolean"}}
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		return object{{"type", "number"}, {"format", kind.String()}}
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		if kind == protoreflect.Int64Kind && isNative(field.Parent.Desc) {
			// Google's mapping: a number of JSON does not hold all of 64 bits.
			return object{{"type", "string"}, {"format", "int64"}}
		}
		out := object{{"type", "integer"}, {"format", kind.String()}}
		if least, declared := rules.GetInt32().GetGreaterThan().(*validate.Int32Rules_Gte); declared {
			out = out.with("minimum", least.Gte)
		}
		return out
	default:
		return stringSchema(rules.GetString())
	}
}

// stringSchema turns the rules of a text into the words of JSON schema.
func stringSchema(rules *validate.StringRules) object {
	out := object{{"type", "string"}}
	if len(rules.GetIn()) > 0 {
		out = out.with("enum", rules.GetIn())
	}
	if rules.GetMinLen() > 0 {
		out = out.with("minLength", rules.GetMinLen())
	}
	switch {
	case rules.GetMaxLen() > 0:
		out = out.with("maxLength", rules.GetMaxLen())
	case rules.GetMaxBytes() > 0:
		// JSON schema counts characters, of which there are at most as many as
		// bytes. The comment of the field speaks of bytes.
		out = out.with("maxLength", rules.GetMaxBytes())
	}
	return out.withText("pattern", rules.GetPattern())
}

// listSchema is an array of items.
func listSchema(items object, rules *validate.RepeatedRules) object {
	out := object{{"type", "array"}}
	if rules.GetMinItems() > 0 {
		out = out.with("minItems", rules.GetMinItems())
	}
	if rules.GetMaxItems() > 0 {
		out = out.with("maxItems", rules.GetMaxItems())
	}
	return out.with("items", items)
}

// rulesOf returns the rules of a field. Without rules the result is nil, whose
// getters return zero values.
func rulesOf(field *protogen.Field) *validate.FieldRules {
	rules, _ := proto.GetExtension(field.Desc.Options(), validate.E_Field).(*validate.FieldRules)
	return rules
}

// isNullable is true for a text that may be unset and may be empty, which JSON
// tells apart as null and "".
func isNullable(field *protogen.Field) bool {
	return field.Desc.HasOptionalKeyword() && field.Desc.Kind() == protoreflect.StringKind && !isNative(field.Parent.Desc) &&
		rulesOf(field).GetString().GetMinLen() == 0
}

// isRequired reports whether a request must have the field, or an answer always
// has the field.
func isRequired(field *protogen.Field, where use) bool {
	if where == inAnswer && isNative(field.Parent.Desc) {
		return alwaysInJSON(field)
	}
	if where == inAnswer {
		return isNullable(field) || !mayBeAbsent(field)
	}
	rules := rulesOf(field)
	return !field.Desc.HasOptionalKeyword() && (rules.GetString().GetMinLen() > 0 || rules.GetRepeated().GetMinItems() > 0)
}
