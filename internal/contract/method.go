package contract

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	policyv1 "platform.internal/storekeeper/gen/storekeeper/policy/v1"
)

// Self is the action of methods about the caller alone.
const Self = "self"

// Method is what the proto file declares about one method.
type Method struct {
	// Action is what a caller must be allowed to do, or Self.
	Action string
	// Changes says that the method changes something.
	Changes bool
	// Lists says that the answer is a list whose items are authorised one by
	// one.
	Lists bool
	// ByName says that the method names secrets that may exist or not. What it
	// does to them is authorised as calls of their own. The caller must be allowed
	// Action or OrAction for each name.
	ByName   bool
	OrAction string

	resourceFields []resourceField
}

// Target holds the resources of a request as the request names them.
type Target struct {
	// Account is an identifier or a configured name.
	Account string
	// StoreID is the identifier of a store that exists.
	StoreID string
	// SecretIDs are the identifiers of secrets that exist.
	SecretIDs []string
	// StoreName is the name of a new store.
	StoreName string
	// InStore is the name of a store that exists, if the request gives the store
	// by its name.
	InStore string
	// Secrets are the new secrets, one per item of a batch.
	Secrets []CreatedSecret
	// Scopes are the scopes that the secrets of SecretIDs get.
	Scopes []string
}

// CreatedSecret is a secret that a request creates.
type CreatedSecret struct {
	// Name is the name. It is "" if the request has none.
	Name string
	// Scopes are the scopes it gets.
	Scopes []string
}

// resourceField is a request field that identifies, names or scopes a resource.
type resourceField struct {
	path     []protoreflect.FieldDescriptor
	declared *policyv1.FieldPolicy
}

// Methods reads the declarations of all methods, by full method name. A method
// without a declared action is an error, because nobody could be authorised for
// it.
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
				Action: declared.GetAction(), Changes: declared.GetChanges(), Lists: declared.GetLists(),
				ByName: declared.GetByName(), OrAction: declared.GetOrAction(), resourceFields: resourceFieldsOf(md.Input(), nil),
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
