package main

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
)

// binding is one way to call a method over REST.
type binding struct {
	verb, path, body string
}

// bindings reads the REST calls that a method declares.
func bindings(method *protogen.Method) []binding {
	rule, _ := proto.GetExtension(method.Desc.Options(), annotations.E_Http).(*annotations.HttpRule)
	if rule == nil {
		return nil
	}
	var out []binding
	for _, r := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		for _, b := range []binding{
			{"get", r.GetGet(), r.GetBody()}, {"post", r.GetPost(), r.GetBody()},
			{"patch", r.GetPatch(), r.GetBody()}, {"delete", r.GetDelete(), r.GetBody()}, {"put", r.GetPut(), r.GetBody()},
		} {
			if b.path != "" {
				out = append(out, b)
			}
		}
	}
	return out
}

// names reports whether the path of the binding has a place for the field.
func (b binding) names(field *protogen.Field) bool {
	return strings.Contains(b.path, "{"+string(field.Desc.Name())+"}")
}

// addMethod adds every REST call of a method to the document.
func (d *document) addMethod(method *protogen.Method) error {
	d.use(method.Input)
	for i, b := range bindings(method) {
		id := operationID(method)
		if i > 0 {
			id += strconv.Itoa(i + 1)
		}
		op, err := d.operation(method, b)
		if err != nil {
			return err
		}
		d.add(b, append(object{{"operationId", id}}, op...))
	}
	return nil
}

// operation describes one REST call.
func (d *document) operation(method *protogen.Method, b binding) (object, error) {
	text := description(method)
	op := object{{"tags", []string{noun(method)}}, {"summary", firstSentence(text)}, {"description", text}}
	if parameters := d.parameters(method, b); len(parameters) > 0 {
		op = op.with("parameters", parameters)
	}
	if b.body != "" {
		op = op.with("requestBody", object{{"required", true}, {"content", d.body(method, b)}})
	}
	responses, err := d.responses(method, b)
	return op.with("responses", responses), err
}

// parameters describes the parameters of path and query.
func (d *document) parameters(method *protogen.Method, b binding) []object {
	all := bindings(method)
	var out []object
	for _, field := range method.Input.Fields {
		inPath := b.names(field)
		// A field that is in another path of the method is not read from the
		// query.
		inSomePath := slices.ContainsFunc(all, func(other binding) bool { return other.names(field) })
		switch {
		case isHeader(field):
			out = append(out, d.header(field))
		case b.body == "" && field.Message != nil && !isScalar(field):
			// The query names a nested field by its path, as "account.name".
			for _, inner := range field.Message.Fields {
				out = append(out, d.parameter(inner, string(field.Desc.Name())+".", false))
			}
		case inPath || (b.body == "" && !inSomePath):
			out = append(out, d.parameter(field, "", inPath))
		}
	}
	return out
}

// parameter describes one value of the path or the query. The name in the query
// is prefix and field name.
func (d *document) parameter(field *protogen.Field, prefix string, inPath bool) object {
	out := object{{"name", prefix + string(field.Desc.Name())}, {"in", "query"}}
	if inPath {
		out = object{{"name", string(field.Desc.Name())}, {"in", "path"}, {"required", true}}
	}
	out = out.withText("description", prose(field.Comments.Leading))
	if field.Desc.IsList() {
		// The facade reads "a,b" as well.
		out = out.with("style", "form").with("explode", true)
	}
	schema := slices.DeleteFunc(d.field(field, inRequest), func(m member) bool { return m.key == "description" })
	out = out.with("schema", schema)
	if inPath {
		out = out.with("example", exampleOf(field))
	}
	return out
}

// isHeader reports whether a field is a header over REST: the facade reads the
// field neither from the body nor from the query.
func isHeader(field *protogen.Field) bool { return field.Desc.Name() == "request_id" }

// header describes the field that is a header.
func (d *document) header(field *protogen.Field) object {
	schema := slices.DeleteFunc(d.field(field, inRequest), func(m member) bool { return m.key == "description" })
	return object{
		{"name", "Idempotency-Key"}, {"in", "header"}, {"description", prose(field.Comments.Leading)}, {"schema", schema},
	}
}

// responses describes the answers of the call.
func (d *document) responses(method *protogen.Method, b binding) (object, error) {
	said, err := failures(method)
	if err != nil {
		return nil, err
	}
	status := "200"
	if accepted(method) && !b.native() {
		status = "202"
	}
	out := object{{status, object{
		{"description", firstSentence(prose(method.Output.Comments.Leading)) + "."},
		{"headers", headersOf(successHeaders(b))},
		{"content", d.success(method, b)},
	}}}
	for _, f := range failureTable() {
		reference := object{{"$ref", "#/components/responses/" + f.responseName(b)}}
		reasons := strings.Join(said[f.status], "; ")
		switch {
		case reasons != "" && f.given == always:
			out = out.with(f.status, reference.with("description", f.text+" Also "+reasons+"."))
		case reasons != "":
			out = out.with(f.status, reference.with("description", strings.ToUpper(reasons[:1])+reasons[1:]+"."))
		case f.given == always, f.given == withBody && b.body != "", f.given == withKey && slices.ContainsFunc(method.Input.Fields, isHeader):
			out = out.with(f.status, reference)
		}
	}
	return out, nil
}

// jsonContent is a body of JSON with an example.
func jsonContent(schema object, example any) object {
	content := object{{"schema", schema}}
	if example != nil {
		content = content.with("example", example)
	}
	return object{{"application/json", content}}
}

// successHeaders returns the headers about the source of a successful answer.
func successHeaders(b binding) []string {
	if b.verb == "get" {
		return []string{"Age", "Cache-Status"}
	}
	return []string{"Idempotent-Replayed"}
}
