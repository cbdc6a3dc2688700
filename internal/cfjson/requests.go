package cfjson

import (
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/contract"
)

// ReadRequest reads a body into the target of grpc-gateway: a request message or its body field. It notes
// mistakes in found and does not return them: the chain refuses the request after it has authenticated the
// caller. An error means that the target has no body.
func ReadRequest(body io.Reader, target any, found *contract.Mistakes) error {
	r := &bodyReader{tokens: jsontext.NewDecoder(&tokenLimiter{from: body}, jsontext.AllowDuplicateNames(true)), found: found}
	switch m := target.(type) {
	case *secretsstorev1.CreateStoreRequest:
		r.body('{', func() { r.object("", text("name", maxNameText, r, &m.Name)) })
	case *[]*secretsstorev1.NewSecret:
		r.body('[', func() { r.newSecrets(m) })
	case *secretsstorev1.UpdateSecretRequest:
		r.body('{', func() { r.update(m) })
	case *secretsstorev1.DeleteSecretsRequest:
		r.deleteSecrets(m)
	case *secretsstorev1.DuplicateSecretRequest:
		r.body('{', func() {
			r.object("", text("name", maxNameText, r, &m.Name), texts("scopes", r, &m.Scopes), optional("comment", maxValueText, r, &m.Comment))
		})
	default:
		return fmt.Errorf("cfjson: %T has no body", target)
	}
	r.end()
	return nil
}

// body checks the type of the body before it is read, so that a body of another
// type is reported as a wrong body.
func (r *bodyReader) body(kind jsontext.Kind, read func()) {
	switch r.tokens.PeekKind() {
	case kind:
		read()
	case '{', '[', '"', '0', 't', 'f', 'n':
		wanted := "must be an object"
		if kind == '[' {
			wanted = "must be an array"
		}
		r.refuse(contract.Body, wanted)
	default:
		r.next()
	}
}

func (r *bodyReader) newSecrets(list *[]*secretsstorev1.NewSecret) {
	r.array("secrets", func(n int) {
		s := &secretsstorev1.NewSecret{}
		*list = append(*list, s)
		r.object(indexPath("secrets", n), text("name", maxNameText, r, &s.Name), text("value", maxValueText, r, &s.Value),
			texts("scopes", r, &s.Scopes), optional("comment", maxValueText, r, &s.Comment))
	})
}

// update distinguishes an absent key, null and "": each present key is added to the field mask.
func (r *bodyReader) update(m *secretsstorev1.UpdateSecretRequest) {
	m.UpdateMask = &fieldmaskpb.FieldMask{}
	masked := func(inner member) member {
		return member{name: inner.name, read: func(path string) {
			m.UpdateMask.Paths = append(m.UpdateMask.Paths, inner.name)
			inner.read(path)
		}}
	}
	r.object("", masked(optional("value", maxValueText, r, &m.Value)), masked(texts("scopes", r, &m.Scopes)),
		masked(optional("comment", maxValueText, r, &m.Comment)), optional("name", maxNameText, r, &m.Name))
}

// deleteSecrets reads {"ids": [...]} and the array of objects that Cloudflare
// documented until early 2026.
func (r *bodyReader) deleteSecrets(m *secretsstorev1.DeleteSecretsRequest) {
	if r.tokens.PeekKind() != '[' {
		r.body('{', func() { r.object("", texts("ids", r, &m.Ids)) })
		return
	}
	items := 0
	r.array("", func(n int) {
		items++
		path := indexPath("", n)
		id, before := "", len(r.found.Fields)
		r.object(path, text("id", maxWordText, r, &id))
		if id == "" && !r.broken && len(r.found.Fields) == before {
			r.found.Add(join(path, "id"), malformed, "must not be empty")
		}
		m.Ids = append(m.Ids, id)
	})
	if items == 0 && !r.broken {
		r.found.Add(contract.Body, malformed, "must have at least 1 item")
	}
}

func text(name string, most int, r *bodyReader, into *string) member {
	return member{name: name, read: func(path string) { r.text(path, most, func(s string) { *into = s }) }}
}

func optional(name string, most int, r *bodyReader, into **string) member {
	return member{name: name, read: func(path string) { r.text(path, most, func(s string) { *into = proto.String(s) }) }}
}

func texts(name string, r *bodyReader, into *[]string) member {
	return member{name: name, read: func(path string) { r.texts(path, func(s string) { *into = append(*into, s) }) }}
}
