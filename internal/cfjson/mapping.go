package cfjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"platform.internal/storekeeper/internal/contract"
)

// Message returns the JSON of a message in Google's mapping: names in lowerCamelCase, including scalars and
// lists with their default value. Equal messages give equal bytes.
func Message(m proto.Message) ([]byte, error) {
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	// protojson adds white space at random.
	var plain bytes.Buffer
	if err := json.Compact(&plain, text); err != nil {
		return nil, err
	}
	return plain.Bytes(), nil
}

// ReadMessage reads a body in Google's JSON mapping into a message. A field has its proto name or its JSON
// name. elsewhere reports whether a field is in the path instead of the body. ReadMessage notes mistakes in
// found and does not return them: the chain refuses the request after it has authenticated the caller. An
// error means that the target is no message.
func ReadMessage(body io.Reader, target any, elsewhere func(name string) bool, found *contract.Mistakes) error {
	m, ok := target.(proto.Message)
	if !ok {
		return fmt.Errorf("cfjson: %T is no message", target)
	}
	r := &bodyReader{tokens: jsontext.NewDecoder(&tokenLimiter{from: body}, jsontext.AllowDuplicateNames(true)), found: found}
	r.body('{', func() { r.object("", r.members(m.ProtoReflect(), elsewhere)...) })
	r.end()
	return nil
}

// members are the fields of a message as the members of an object.
func (r *bodyReader) members(m protoreflect.Message, elsewhere func(name string) bool) []member {
	fields := m.Descriptor().Fields()
	list := make([]member, 0, fields.Len())
	for i := range fields.Len() {
		fd := fields.Get(i)
		if elsewhere == nil || !elsewhere(string(fd.Name())) {
			list = append(list, member{name: string(fd.Name()), also: fd.JSONName(), read: func(path string) { r.field(path, m, fd) }})
		}
	}
	return list
}

// field reads the value of a field. null reads as a missing field.
func (r *bodyReader) field(path string, m protoreflect.Message, fd protoreflect.FieldDescriptor) {
	if r.tokens.PeekKind() == 'n' {
		r.next()
		return
	}
	switch {
	case !fd.IsList():
		r.value(path, fd, m.NewField(fd), func(v protoreflect.Value) { m.Set(fd, v) })
	default:
		list := m.Mutable(fd).List()
		r.array(path, func(n int) { r.value(indexPath(path, n), fd, list.NewElement(), list.Append) })
	}
}

// value reads a value of a field or an item of its list. empty is a value of the same kind.
func (r *bodyReader) value(path string, fd protoreflect.FieldDescriptor, empty protoreflect.Value, set func(protoreflect.Value)) {
	switch {
	case fd.Kind() == protoreflect.StringKind && r.tokens.PeekKind() == '"':
		r.text(path, maxValueText, func(text string) { set(protoreflect.ValueOfString(text)) })
	case fd.Kind() == protoreflect.StringKind:
		r.refuse(path, Wanted(fd))
	case isScalarKind(fd):
		r.scalar(path, fd, set)
	default:
		r.object(path, r.members(empty.Message(), nil)...)
		set(empty)
	}
}

// scalar reads a value that JSON writes as a string, a number or a word.
func (r *bodyReader) scalar(path string, fd protoreflect.FieldDescriptor, set func(protoreflect.Value)) {
	if kind := r.tokens.PeekKind(); kind == '{' || kind == '[' {
		r.refuse(path, Wanted(fd))
		return
	}
	if r.broken {
		return
	}
	raw, err := r.tokens.ReadValue()
	if err != nil {
		r.stop(err)
		return
	}
	v, ok := parseScalar(fd, raw)
	if !ok {
		r.broken = !r.found.Add(path, malformed, Wanted(fd))
		return
	}
	set(v)
}

// parseScalar reads a value as protojson does. The errors of protojson repeat
// the value, so they are not passed on.
func parseScalar(fd protoreflect.FieldDescriptor, raw jsontext.Value) (protoreflect.Value, bool) {
	one := messageWith(fd)
	if one == nil {
		return protoreflect.Value{}, false
	}
	text := raw.String()
	if fd.IsList() {
		text = "[" + text + "]"
	}
	if err := protojson.Unmarshal([]byte(`{"`+fd.JSONName()+`":`+text+`}`), one.Interface()); err != nil {
		return protoreflect.Value{}, false
	}
	if fd.IsList() {
		return one.Get(fd).List().Get(0), one.Get(fd).List().Len() == 1
	}
	return one.Get(fd), one.Has(fd) || fd.Message() == nil
}
