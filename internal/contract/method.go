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

// Method is the declaration of a method in the proto file.
type Method struct {
	// Action is the action that a caller must be allowed to do, or Self.
	Action string
	// Changes says that the method makes a change.
	Changes bool
	// Lists says that the answer is a list whose items are authorised separately.
	Lists bool
	// ByName says that the method names secrets that may not exist. Its changes are authorised as separate
	// calls. The caller must be allowed Action or OrAction for each name.
	ByName   bool
	OrAction string

	resourceFields []resourceField
}

// Target holds the resources of a request in the form of the request.
type Target struct {
	// Account is an identifier or a configured name.
	Account string
	// StoreID is the identifier of a store that exists.
	StoreID string
	// SecretIDs are the identifiers of secrets that exist.
	SecretIDs []string
	// StoreName is the name of a new store.
	StoreName string
	// InStore is the name of an existing store, if the request gives the store by name.
	InStore string
	// Secrets are the new secrets, one per item of a batch.
	Secrets []CreatedSecret
	// Scopes are the scopes that the secrets of SecretIDs get.
	Scopes []string
}

// CreatedSecret is a secret that a request creates.
type CreatedSecret struct {
	// Name is the name, "" if the request has none.
	Name string
	// Scopes are the scopes of the secret.
	Scopes []string
}

// resourceField is a request field that identifies, names or scopes a resource.
type resourceField struct {
	path     []protoreflect.FieldDescriptor
	declared *policyv1.FieldPolicy
}

// Methods reads the declarations of all methods, by full method name. A method without a declared action is
// an error, because no caller could be authorised.
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
