package main

import (
	"fmt"

	"google.golang.org/protobuf/compiler/protogen"
)

// answer is the named schema of a successful answer: Cloudflare's envelope
// around the first field of the response message.
func (s *schemas) answer(method *protogen.Method) object {
	message := method.Output
	name := schemaName(message)
	required := []string{"result", "success", "errors", "messages"}
	properties := object{
		{"result", s.result(message)},
		{"success", constant(true)},
		// Client generators refuse an array without items.
		{"errors", object{{"type", "array"}, {"maxItems", 0}, {"items", noticeReference()}}},
	}
	for _, field := range message.Fields {
		switch field.Desc.Name() {
		case "messages":
			properties = properties.with("messages", s.field(field, inAnswer))
		case "result_info":
			properties = properties.with("result_info", s.field(field, inAnswer))
			if !mayBeAbsent(field) {
				required = append(required, "result_info")
			}
		}
	}
	s.named[name] = object{
		{"type", "object"}, {"description", prose(message.Comments.Leading)},
		{"required", required}, {"properties", properties},
	}
	return object{{"$ref", "#/components/schemas/" + name}}
}

// result returns the schema of "result": null for a message without a result.
func (s *schemas) result(message *protogen.Message) object {
	if field := resultField(message); field != nil {
		return s.field(field, inAnswer)
	}
	return object{{"type", "null"}}
}

// resultField returns the first field of a response message, or nil if that
// field belongs to the envelope.
func resultField(message *protogen.Message) *protogen.Field {
	if first := message.Fields[0]; first.Desc.Name() != "messages" {
		return first
	}
	return nil
}

// failureName is the named schema of every answer to a call that failed.
const failureName = "Failure"

// addFailure adds the schema of the failure envelope. Its items are notices, as
// in a successful answer.
func (s *schemas) addFailure() {
	notices := object{{"type", "array"}, {"items", noticeReference()}}
	s.named[failureName] = object{
		{"type", "object"},
		{"description", "The answer to a call that failed."},
		{"required", []string{"result", "success", "errors", "messages"}},
		{"properties", object{
			{"result", object{{"type", "null"}}},
			{"success", constant(false)},
			{"errors", notices.with("minItems", 1).with("description", "What is wrong.")},
			{"messages", notices.with("description", "What would be right, a line for each wrong field.")},
		}},
	}
}

// constant is a boolean with one value. The description says so, because
// openapi-generator generates broken code for a const or an enum of booleans.
func constant(value bool) object {
	return object{{"type", "boolean"}, {"description", fmt.Sprintf("Always %t.", value)}}
}

func noticeReference() object { return object{{"$ref", "#/components/schemas/Notice"}} }
