package main

import (
	"maps"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// How Storekeeper's own API, below /storekeeper/v1, differs from Cloudflare's:
// an answer is the JSON of the message in Google's mapping, a failure is the
// JSON of google.rpc.Status.

const (
	// nativePackage is the package of Storekeeper's own API.
	nativePackage = "storekeeper.v1"
	// nativeRoot begins the paths of Storekeeper's own API.
	nativeRoot = "/storekeeper/"
	// nativePrefix begins the names of tags, schemas and responses, so that
	// they differ from the names of Cloudflare's API.
	nativePrefix = "Storekeeper"
	// statusName is the name of the schema of failures.
	statusName = nativePrefix + "Status"
	// rpcStatus is the message of a failure. In JSON, each detail has its type.
	rpcStatus = "google.rpc.Status"
)

// isNative reports whether a message belongs to Storekeeper's own API.
func isNative(message protoreflect.MessageDescriptor) bool {
	return message.ParentFile().Package() == nativePackage
}

// native reports whether a call belongs to Storekeeper's own API.
func (b binding) native() bool { return strings.HasPrefix(b.path, nativeRoot) }

// operationID is the name of a call. Both APIs have methods of the same name, so
// Storekeeper's own have the name of their service too.
func operationID(method *protogen.Method) string {
	if isNative(method.Input.Desc) {
		return method.Parent.GoName + "_" + method.GoName
	}
	return method.GoName
}

// jsonName is the name of a field in JSON.
func jsonName(field *protogen.Field) string {
	if isNative(field.Parent.Desc) {
		return field.Desc.JSONName()
	}
	return string(field.Desc.Name())
}

// isScalar reports whether JSON writes a message as one string.
func isScalar(field *protogen.Field) bool {
	return field.Message != nil && wellKnown(field.Message.Desc) != nil
}

// wellKnown returns the schema of a message that JSON writes as one string, or
// nil for other messages.
func wellKnown(message protoreflect.MessageDescriptor) object {
	switch message.FullName() {
	case "google.protobuf.Timestamp":
		return object{{"type", "string"}, {"format", "date-time"}}
	case "google.protobuf.Duration":
		return object{{"type", "string"}, {"pattern", `^-?[0-9]+(\.[0-9]+)?s$`}}
	default:
		return nil
	}
}

// enumSchema lists the words of an enumeration. An answer can have the word for
// "not set".
func enumSchema(field *protogen.Field, where use) object {
	words := []string{}
	for _, value := range field.Enum.Values {
		if value.Desc.Number() != 0 || where == inAnswer {
			words = append(words, string(value.Desc.Name()))
		}
	}
	return object{{"type", "string"}, {"enum", words}}
}

// alwaysInJSON reports whether an answer always has a field: scalars and lists
// are there with their default value too.
func alwaysInJSON(field *protogen.Field) bool {
	return field.Desc.IsList() || field.Desc.IsMap() || field.Message == nil && !field.Desc.HasOptionalKeyword()
}

// success is the content of a successful answer.
func (d *document) success(method *protogen.Method, b binding) object {
	if !b.native() {
		return jsonContent(d.answer(method), envelopeExample(method.Output))
	}
	return jsonContent(d.reference(method.Output, inAnswer), exampleOfFields(method.Output.Fields))
}

// addStatus makes the schema of google.rpc.Status.
func (s *schemas) addStatus() {
	detail := object{
		{"type", "object"}, {"required", []string{"@type"}},
		{"properties", object{{"@type", object{{"type", "string"}, {"description", "The type of the detail."}}}}},
		{"additionalProperties", true},
	}
	s.named[statusName] = object{
		{"type", "object"},
		{"description", "The answer to a call that failed: google.rpc.Status."},
		{"required", []string{"code", "message", "details"}},
		{"properties", object{
			{"code", object{{"type", "integer"}, {"format", "int32"}, {"description", "The code of gRPC."}}},
			{"message", object{{"type", "string"}, {"description", "A sentence for people."}}},
			{"details", object{{"type", "array"}, {"items", detail}, {"description",
				"google.rpc.ErrorInfo has the reason, a stable word. google.rpc.BadRequest names each wrong field, google.rpc.RetryInfo the time to wait."}}},
		}},
	}
}

// nativeFailureResponses describes each kind of failure once.
func nativeFailureResponses() object {
	var out object
	for _, f := range failureTable() {
		reference := object{{"$ref", "#/components/schemas/" + statusName}}
		text := strings.ReplaceAll(f.text, "has an item in `errors`", "is in google.rpc.BadRequest")
		out = out.with(nativePrefix+f.name, object{
			{"description", text}, {"headers", headersOf(append([]string{"Idempotent-Replayed"}, f.headers...))},
			{"content", jsonContent(reference, nil)},
		})
	}
	return out
}

// nativeExamples returns the values of fields by message and name.
func nativeExamples() map[string]any {
	all := selfExamples()
	maps.Copy(all, secretExamples())
	return all
}

// selfExamples has the examples of the services about callers and the state of
// Storekeeper.
func selfExamples() map[string]any {
	return map[string]any{
		"Permission.rule":              "payments-own-a-prefix",
		"Permission.actions":           []string{"secret.get", "secret.update"},
		"Permission.condition":         `store == "default" && secret.startsWith("PAYMENTS_")`,
		"Permission.account":           "",
		"Permission.store":             "default",
		"Permission.secret":            "",
		"Permission.secret_prefix":     "PAYMENTS_",
		"Permission.hidden":            false,
		"PermissionCheck.action":       "secret.update",
		"PermissionCheck.account":      "production",
		"PermissionCheck.store":        "default",
		"PermissionCheck.secret":       "PAYMENTS_KEY",
		"PermissionCheck.scopes":       []string{},
		"PermissionResult.rule":        "payments-own-a-prefix",
		"PermissionResult.reason":      "",
		"GetUsageResponse.tenant":      "payments",
		"AccountUsage.account":         "production",
		"TenantQuota.used":             12,
		"TenantQuota.limit":            40,
		"BudgetShare.calls":            400,
		"BudgetShare.remaining":        372,
		"BudgetShare.window":           "300s",
		"BudgetShare.waiting":          0,
		"BudgetShare.next_turn":        "0s",
		"BudgetStatus.credential":      "production",
		"BudgetStatus.limit":           1200,
		"BudgetStatus.used":            81,
		"BudgetStatus.window":          "300s",
		"BudgetStatus.blocked":         "0s",
		"ReadinessCheck.name":          "state",
		"ReadinessCheck.advisory":      false,
		"ReadinessCheck.error":         "",
		"StoreStatus.kind":             "file",
		"StoreStatus.error":            "",
		"TrailStatus.error":            "",
		"PolicyStatus.file":            "/etc/storekeeper/policy.yaml",
		"PolicyStatus.last_error":      "",
		"IssuerStatus.name":            "github",
		"IssuerStatus.error":           "",
		"ReplicaStatus.heard":          "1s",
		"Tenant.name":                  "payments",
		"WhoAmIResponse.caller":        "github:repo:acme/payments:ref:refs/heads/main",
		"WhoAmIResponse.tenant":        "payments",
		"WhoAmIResponse.groups":        []string{"deployers"},
		"CallerCredential.kind":        "jwt",
		"CallerCredential.issuer_name": "github",
		"CallerCredential.issuer":      "https://token.actions.githubusercontent.com",
		"CallerCredential.subject":     "repo:acme/payments:ref:refs/heads/main",
		"CallerCredential.id":          "example-id",
	}
}

// secretExamples has the examples of SecretService.
func secretExamples() map[string]any {
	return map[string]any{
		"Secret.id":                 exampleKeyID,
		"Secret.name":               exampleName,
		"Secret.comment":            "Key of the payment service",
		"Secret.scopes":             []string{"ai_gateway", "workers"},
		"Secret.status":             "active",
		"SecretPut.name":            exampleName,
		"SecretPut.value":           "a value that nobody else sees",
		"SecretPut.scopes":          []string{"ai_gateway", "workers"},
		"SecretPut.comment":         "Key of the payment service",
		"SecretPutResult.name":      exampleName,
		"SecretPutResult.outcome":   "CREATED",
		"PutSecretResponse.outcome": "CREATED",
		"PutSecretRequest.account":  "production",
		"PutSecretRequest.store":    "default_secrets_store",
		"PutSecretRequest.name":     exampleName,
		"PutSecretRequest.value":    "a value that nobody else sees",
		"PutSecretRequest.scopes":   []string{"ai_gateway", "workers"},
		"PutSecretRequest.comment":  "Key of the payment service",
		// Conditions are optional.
		"PutSecretRequest.if_absent":         absent{},
		"PutSecretRequest.expected_modified": absent{},
		"PutSecretRequest.validate_only":     absent{},
		"PutSecretsRequest.account":          "production",
		"PutSecretsRequest.store":            "default_secrets_store",
		"PutSecretsRequest.validate_only":    absent{},
		"GetSecretRequest.account":           "production",
		"GetSecretRequest.store":             "default_secrets_store",
		"GetSecretRequest.name":              exampleName,
		"DeleteSecretRequest.account":        "production",
		"DeleteSecretRequest.store":          "default_secrets_store",
		"DeleteSecretRequest.name":           exampleName,
	}
}

// nativeExampleOf returns the example of a field: the example in the table, or a
// value of the field's type.
func nativeExampleOf(field *protogen.Field) any {
	if value, found := nativeExamples()[string(field.Parent.Desc.Name())+"."+string(field.Desc.Name())]; found {
		return value
	}
	value := exampleOfKind(field)
	if field.Desc.IsList() {
		return []any{value}
	}
	return value
}

func exampleOfKind(field *protogen.Field) any {
	switch field.Desc.Kind() {
	case protoreflect.BoolKind:
		return true
	case protoreflect.EnumKind:
		return string(field.Enum.Values[len(field.Enum.Values)-1].Desc.Name())
	case protoreflect.Int64Kind:
		return "1"
	case protoreflect.Int32Kind, protoreflect.DoubleKind, protoreflect.FloatKind:
		return 1
	case protoreflect.MessageKind:
		if field.Message.Desc.FullName() == "google.protobuf.Duration" {
			return "30s"
		}
		return exampleTime
	default:
		return strings.ReplaceAll(string(field.Desc.Name()), "_", "-")
	}
}
