package contract

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	policyv1 "platform.internal/storekeeper/gen/storekeeper/policy/v1"
)

// Target reads the resources of a request.
func (m *Method) Target(request proto.Message) Target {
	var r targetReader
	message := request.ProtoReflect()
	for _, f := range m.resourceFields {
		r.read(message, f)
	}
	return r.Target
}

// targetReader reads the fields of a request into a Target.
type targetReader struct {
	Target

	declared *policyv1.FieldPolicy
	// item is the number of the element of the first list of messages on the path of the field, -1 if there
	// is no such list.
	item int
}

func (t *targetReader) read(m protoreflect.Message, f resourceField) {
	t.declared, t.item = f.declared, -1
	if fd := f.path[0]; fd.IsList() && fd.Message() != nil && f.declared.GetNames() == "secret" {
		// Items without a name count too, so that each item is authorised.
		n := m.Get(fd).List().Len()
		t.Secrets = slices.Grow(t.Secrets, max(0, n-len(t.Secrets)))
		for len(t.Secrets) < n {
			t.Secrets = append(t.Secrets, CreatedSecret{})
		}
	}
	t.walk(m, f.path)
}

// take takes a value of the field.
func (t *targetReader) take(value string) {
	p := t.declared
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
		t.newSecret(t.item).Name = value
	case p.GetGrants() && t.createsSecret(t.item):
		s := t.newSecret(t.item)
		s.Scopes = append(s.Scopes, value)
	case p.GetGrants():
		t.Scopes = append(t.Scopes, value)
	}
}

// walk takes the strings at a path.
func (t *targetReader) walk(m protoreflect.Message, path []protoreflect.FieldDescriptor) {
	fd := path[0]
	if !m.Has(fd) {
		return
	}
	value := m.Get(fd)
	switch {
	case fd.IsList():
		list := value.List()
		for i := range list.Len() {
			if fd.Message() == nil {
				t.take(list.Get(i).String())
				continue
			}
			t.item = i
			t.walk(list.Get(i).Message(), path[1:])
		}
	case fd.Message() != nil:
		t.walk(value.Message(), path[1:])
	default:
		t.take(value.String())
	}
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
