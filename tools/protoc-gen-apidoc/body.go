package main

import (
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// body describes the request body of a call.
func (d *document) body(method *protogen.Method, b binding) object {
	for _, field := range method.Input.Fields {
		if string(field.Desc.Name()) == b.body {
			return jsonContent(d.field(field, inRequest), exampleOf(field))
		}
	}
	fields := bodyFields(method.Input, b)
	schema := d.message(method.Input, fields, inRequest)
	for _, field := range method.Input.Fields {
		if isMask(field) {
			schema = d.atLeastOne(schema, rulesOf(field).GetFieldMask().GetIn())
		}
	}
	properties, _ := schema.get("properties").(object)
	ids, _ := properties.get("ids").(object)
	if older := olderBody(method, ids); older != nil {
		schema = object{{"oneOf", []object{schema, older}}}
	}
	name := schemaName(method.Input)
	d.named[name] = schema
	return jsonContent(object{{"$ref", "#/components/schemas/" + name}}, exampleOfFields(fields))
}

// bodyFields returns the fields of a request that are in neither the path nor a
// header. A field mask is not sent: the facade derives the mask from the keys of
// the body.
func bodyFields(message *protogen.Message, b binding) []*protogen.Field {
	var out []*protogen.Field
	for _, field := range message.Fields {
		if !b.names(field) && !isMask(field) && !isHeader(field) {
			out = append(out, field)
		}
	}
	return out
}

func isMask(field *protogen.Field) bool {
	return field.Message != nil && field.Message.Desc.FullName() == "google.protobuf.FieldMask"
}

// atLeastOne narrows the schema of a change: at least one of the changeable
// fields is present, and lists are not empty.
func (d *document) atLeastOne(schema object, names []string) object {
	var choices []object
	for _, name := range names {
		choices = append(choices, object{{"required", []string{name}}})
	}
	properties, _ := schema.get("properties").(object)
	for i, property := range properties {
		if list, isObject := property.value.(object); isObject && list.get("type") == "array" {
			properties[i].value = append(object{list[0], {"minItems", 1}}, list[1:]...)
		}
	}
	return schema.with("anyOf", choices)
}

// noun returns the tag of a method: the name of the file of its request.
func noun(method *protogen.Method) string {
	return tagOf(method.Input.Desc.ParentFile())
}

// tagOf returns the tag of the methods whose requests are in a file.
func tagOf(file protoreflect.FileDescriptor) string {
	name := nounOf(file)
	if file.Package() == nativePackage {
		return nativePrefix + " " + name
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

func nounOf(file protoreflect.FileDescriptor) string {
	path := file.Path()
	return strings.TrimSuffix(path[strings.LastIndex(path, "/")+1:], ".proto")
}
