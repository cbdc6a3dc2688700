package main

import (
	"slices"

	"google.golang.org/protobuf/compiler/protogen"
)

// document builds the OpenAPI document.
type document struct {
	schemas
	tags  object
	paths object
}

// use notes the tag of a request message, described by the comment at the head
// of its file.
func (d *document) use(message *protogen.Message) {
	file := message.Desc.ParentFile()
	name := tagOf(file)
	if d.tags.get(name) == nil {
		// Field 12 of a file's descriptor is its line "syntax".
		head := file.SourceLocations().ByPath([]int32{12}).LeadingComments
		d.tags = d.tags.with(name, prose(protogen.Comments(head)))
	}
}

// add puts an operation at its path.
func (d *document) add(b binding, operation object) {
	for i, p := range d.paths {
		if p.key == b.path {
			operations, _ := p.value.(object)
			d.paths[i].value = operations.with(b.verb, operation)
			return
		}
	}
	d.paths = d.paths.with(b.path, object{{b.verb, operation}})
}

// assemble returns the whole document.
func (d *document) assemble() object {
	d.addFailure()
	d.addStatus()
	var tags []object
	for _, tag := range d.tags {
		tags = append(tags, object{{"name", tag.key}, {"description", tag.value}})
	}
	return object{
		{"openapi", "3.1.0"},
		{"info", object{{"title", title}, {"version", "1"}, {"description", introduction}}},
		{"servers", []object{{{"url", "/"}}}},
		{"security", []object{{{"token", []string{}}}, {{"email", []string{}}, {"key", []string{}}}}},
		{"tags", slices.Clip(tags)},
		{"paths", d.paths},
		{"components", object{
			{"schemas", d.schemas.assemble()},
			{"responses", append(failureResponses(), nativeFailureResponses()...)},
			{"headers", headers()},
			{"securitySchemes", securitySchemes()},
		}},
	}
}

// failureResponses describes each kind of failure once.
func failureResponses() object {
	var out object
	for _, f := range failureTable() {
		reference := object{{"$ref", "#/components/schemas/" + failureName}}
		out = out.with(f.name, object{
			{"description", f.text}, {"headers", headersOf(append([]string{"Idempotent-Replayed"}, f.headers...))}, {"content", jsonContent(reference, failureExample(f))},
		})
	}
	return out
}
