package contract

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Target reads the resources of a request.
func (m *Method) Target(request proto.Message) Target {
	var t Target
	for _, f := range m.resourceFields {
		f.read(request.ProtoReflect(), &t)
	}
	return t
}

func (f resourceField) read(m protoreflect.Message, t *Target) {
	item := -1
	if fd := f.path[0]; fd.IsList() && fd.Message() != nil && f.declared.GetNames() == "secret" {
		// Items without a name count too, so that each item is authorised.
		for n := m.Get(fd).List().Len(); len(t.Secrets) < n; {
			t.Secrets = append(t.Secrets, CreatedSecret{})
		}
	}
	walkStrings(m, f.path, &item, func(value string) {
		p := f.declared
		switch {
		case p.GetIdentifies() == "account":
			t.Account = value
		case p.GetIdentifies() == "store", p.GetIdentifies() == "store_by_name" && IsIdentifier(value):
			t.StoreID = value
		case p.GetIdentifies() == "store_by_name":
			t.InStore = value
		case p.GetIdentifies() == "secret":
			t.SecretIDs = append(t.SecretIDs, value)
		case p.GetNames() == "store":
			t.StoreName = value
		case p.GetNames() == "secret":
			t.newSecret(item).Name = value
		case p.GetGrants() && t.createsSecret(item):
			s := t.newSecret(item)
			s.Scopes = append(s.Scopes, value)
		case p.GetGrants():
			t.Scopes = append(t.Scopes, value)
		}
	})
}

// IsIdentifier reports whether a text has the form of Cloudflare's identifiers: 32 lower-case hexadecimal
// digits. A store with such a name must be given by its identifier.
func IsIdentifier(text string) bool {
	return len(text) == 32 && strings.Trim(text, "0123456789abcdef") == ""
}

// newSecret returns the new secret with a number. Items of a batch have their
// number; a request that creates one secret has number -1.
func (t *Target) newSecret(item int) *CreatedSecret {
	for len(t.Secrets) <= max(item, 0) {
		t.Secrets = append(t.Secrets, CreatedSecret{})
	}
	return &t.Secrets[max(item, 0)]
}

// createsSecret reports whether scopes belong to a new secret: the scopes of a
// batch item do, and the scopes of a request that names a new secret.
func (t *Target) createsSecret(item int) bool { return item >= 0 || len(t.Secrets) > 0 }

// walkStrings visits the strings at a path. item is set to the number of the
// element of the first list of messages on the path.
func walkStrings(m protoreflect.Message, path []protoreflect.FieldDescriptor, item *int, visit func(string)) {
	fd := path[0]
	if !m.Has(fd) {
		return
	}
	value := m.Get(fd)
	switch {
	case fd.IsList() && fd.Message() != nil:
		for i := range value.List().Len() {
			*item = i
			walkStrings(value.List().Get(i).Message(), path[1:], item, visit)
		}
	case fd.IsList():
		for i := range value.List().Len() {
			visit(value.List().Get(i).String())
		}
	case fd.Message() != nil:
		walkStrings(value.Message(), path[1:], item, visit)
	default:
		visit(value.String())
	}
}
