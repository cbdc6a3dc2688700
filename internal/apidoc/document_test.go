package apidoc_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
)

func TestDocumentIsValidOpenAPI(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !doc.IsOpenAPI31OrLater() {
		t.Errorf("the document says that it is OpenAPI %s", doc.OpenAPI)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestEveryMethodIsInTheDocument(t *testing.T) {
	paths := at(document(t), "paths")
	for _, file := range []protoreflect.FileDescriptor{
		secretsstorev1.File_secretsstore_v1_service_proto, identityv1.File_storekeeper_identity_v1_identity_proto,
		storekeeperv1.File_storekeeper_v1_self_proto,
		storekeeperv1.File_storekeeper_v1_secrets_proto,
		storekeeperv1.File_storekeeper_v1_operator_proto,
	} {
		methods := file.Services().Get(0).Methods()
		for i := range methods.Len() {
			for _, rule := range rules(t, methods.Get(i)) {
				verb, path := target(rule)
				if operation := at(paths, path, verb); operation == nil {
					t.Errorf("%s: no %s %s in the document", methods.Get(i).FullName(), verb, path)
				}
			}
		}
	}
}

func TestEveryReferenceLeadsSomewhere(t *testing.T) {
	doc := document(t)
	found := 0
	walk(doc, "", func(path string, part map[string]any) {
		reference, isReference := part["$ref"].(string)
		if !isReference {
			return
		}
		found++
		if at(doc, strings.Split(strings.TrimPrefix(reference, "#/"), "/")...) == nil {
			t.Errorf("%s refers to %s, which is not there", path, reference)
		}
	})
	if found == 0 {
		t.Error("the document has no references at all")
	}
}

func TestEverySchemaIsValidAndFitsItsExample(t *testing.T) {
	compiler := compile(t)
	examples := 0
	walk(document(t), "", func(path string, part map[string]any) {
		if part["schema"] == nil {
			return
		}
		schema, err := compiler.Compile("doc.json#" + path + "/schema")
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		example, given := part["example"]
		if !given {
			return
		}
		examples++
		if err := schema.Validate(example); err != nil {
			t.Errorf("%s: the example is wrong: %v", path, err)
		}
	})
	if examples < 20 {
		t.Errorf("only %d examples", examples)
	}
}

func TestSchemasRefuseWhatTheFacadeRefuses(t *testing.T) {
	compiler := compile(t)
	for _, tc := range []struct{ name, schema, body string }{
		{"a secret without scopes", "SecretInput", `{"name":"A","value":"v","scopes":[]}`},
		{"a secret with a space in its name", "SecretInput", `{"name":"A B","value":"v","scopes":["workers"]}`},
		{"a secret with an unknown key", "SecretInput", `{"name":"A","value":"v","scopes":["workers"],"ttl":1}`},
		{"a change of nothing", "UpdateSecretRequest", `{}`},
		{"a change of the name only", "UpdateSecretRequest", `{"name":"A"}`},
		{"a change to no scopes", "UpdateSecretRequest", `{"scopes":[]}`},
		{"a change to no value", "UpdateSecretRequest", `{"value":null}`},
		{"a deletion of nothing", "DeleteSecretsRequest", `{"ids":[]}`},
		{"an old deletion of nothing", "DeleteSecretsRequest", `[]`},
		{"a store without a name", "CreateStoreRequest", `{"name":""}`},
		{"an answer without result", "GetStoreEnvelope", `{"success":true,"errors":[],"messages":[]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := validate(t, compiler, tc.schema, tc.body); err == nil {
				t.Errorf("%s accepts %s", tc.schema, tc.body)
			}
		})
	}
}

func TestSchemasAcceptWhatTheFacadeAccepts(t *testing.T) {
	compiler := compile(t)
	for _, tc := range []struct{ name, schema, body string }{
		{"a secret without a comment", "SecretInput", `{"name":"A","value":"v","scopes":["a new one"]}`},
		{"a change that removes the comment", "UpdateSecretRequest", `{"comment":null}`},
		{"a change to an empty comment", "UpdateSecretRequest", `{"comment":""}`},
		{"a change that repeats the name", "UpdateSecretRequest", `{"name":"A","value":"v"}`},
		{"a deletion by older clients", "DeleteSecretsRequest", `[{"id":"3fd85f74b32742f1bff64a85009dda07"}]`},
		{"a deletion", "DeleteSecretsRequest", `{"ids":["3fd85f74b32742f1bff64a85009dda07"]}`},
		{"an answer without an object", "DeleteSecretEnvelope", `{"result":null,"success":true,"errors":[],"messages":[]}`},
		{"a notice without a code", "DeleteSecretEnvelope", `{"result":null,"success":true,"errors":[],"messages":[{"message":"x"}]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := validate(t, compiler, tc.schema, tc.body); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestValuesAreOnlyWritten(t *testing.T) {
	schemas := at(document(t), "components", "schemas")
	for _, name := range []string{"SecretInput", "UpdateSecretRequest"} {
		if at(schemas, name, "properties", "value", "writeOnly") != true {
			t.Errorf("the value of %s is not marked as only written", name)
		}
	}
	if at(schemas, "Secret", "properties", "value") != nil {
		t.Error("a secret that is read has a value")
	}
}

func document(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	object, _ := doc.(map[string]any)
	return object
}

func compile(t *testing.T) *jsonschema.Compiler {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("doc.json", document(t)); err != nil {
		t.Fatal(err)
	}
	return compiler
}

// validate holds a body against a named schema.
func validate(t *testing.T, compiler *jsonschema.Compiler, schema, body string) error {
	t.Helper()
	compiled, err := compiler.Compile("doc.json#/components/schemas/" + schema)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(value)
}

// at follows keys into a JSON object. A missing key gives nil.
func at(value any, keys ...string) any {
	for _, key := range keys {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// walk visits every object of the document with its JSON pointer.
func walk(value any, path string, visit func(path string, part map[string]any)) {
	switch v := value.(type) {
	case map[string]any:
		visit(path, v)
		for key, inner := range v {
			// Examples are data and no part of the description.
			if key != "example" {
				walk(inner, path+"/"+strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1"), visit)
			}
		}
	case []any:
		for i, inner := range v {
			walk(inner, fmt.Sprintf("%s/%d", path, i), visit)
		}
	}
}

func rules(t *testing.T, method protoreflect.MethodDescriptor) []*annotations.HttpRule {
	t.Helper()
	rule, _ := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	if rule == nil {
		t.Fatalf("%s has no REST call", method.FullName())
	}
	return append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...)
}

func target(rule *annotations.HttpRule) (verb, path string) {
	for verb, path := range map[string]string{
		"get": rule.GetGet(), "post": rule.GetPost(), "patch": rule.GetPatch(), "delete": rule.GetDelete(), "put": rule.GetPut(),
	} {
		if path != "" {
			return verb, path
		}
	}
	return "", ""
}
