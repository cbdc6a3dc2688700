package contract

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	policyv1 "platform.internal/storekeeper/gen/storekeeper/policy/v1"
)

// Self is the action of methods that are about the caller alone.
const Self = "self"

// Method is what the proto file declares about one method.
type Method struct {
	// Action is what a caller must be allowed to do, or Self.
	Action string
	// Changes says that the call changes something.
	Changes bool
	// Lists says that the answer is a list whose items are judged one by one.
	Lists bool

	resourceFields []resourceField
}

// Target is what a request is about, in the request's own words.
type Target struct {
	// Account is an identifier or a configured name.
	Account string
	// StoreID is the identifier of a store that exists.
	StoreID string
	// SecretIDs are the identifiers of secrets that exist.
	SecretIDs []string
	// StoreName is the name of a store to be made.
	StoreName string
	// Secrets are secrets to be made, one for each item of a batch.
	Secrets []NewSecret
	// Scopes are scopes given to the secrets of SecretIDs.
	Scopes []string
}

// NewSecret is a secret that a request makes.
type NewSecret struct {
	// Name is its name, "" where the request gives none.
	Name string
	// Scopes are the scopes it gets.
	Scopes []string
}

// resourceField is a field of the request that says what it is about.
type resourceField struct {
	path     []protoreflect.FieldDescriptor
	declared *policyv1.FieldPolicy
}

// Methods reads the declarations of all methods, by full method name. A method
// without one is an error: nobody could say who may call it.
func Methods(services ...protoreflect.ServiceDescriptor) (map[string]*Method, error) {
	methods := map[string]*Method{}
	var missing []error
	for _, s := range services {
		for i := range s.Methods().Len() {
			md := s.Methods().Get(i)
			name := "/" + string(s.FullName()) + "/" + string(md.Name())
			declared, _ := proto.GetExtension(md.Options(), policyv1.E_Method).(*policyv1.MethodPolicy)
			if declared.GetAction() == "" {
				missing = append(missing, fmt.Errorf("%s declares no action", name))
				continue
			}
			methods[name] = &Method{
				Action: declared.GetAction(), Changes: declared.GetChanges(), Lists: declared.GetLists(), resourceFields: resourceFieldsOf(md.Input(), nil),
			}
		}
	}
	return methods, errors.Join(missing...)
}

func resourceFieldsOf(md protoreflect.MessageDescriptor, path []protoreflect.FieldDescriptor) []resourceField {
	var facts []resourceField
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		here := append(append([]protoreflect.FieldDescriptor{}, path...), fd)
		p := FieldPolicy(fd)
		switch {
		case p.GetIdentifies() != "" || p.GetNames() != "" || p.GetGrants():
			facts = append(facts, resourceField{path: here, declared: p})
		case fd.Message() != nil && fd.Message().ParentFile() == md.ParentFile():
			facts = append(facts, resourceFieldsOf(fd.Message(), here)...)
		}
	}
	return facts
}
