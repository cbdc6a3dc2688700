package main

import (
	"google.golang.org/protobuf/compiler/protogen"
)

// Identifiers of the examples, the same everywhere so that the examples belong
// together.
const (
	exampleAccount = "023e105f4ecef8ad9ca31a8372d0c353"
	exampleStore   = "8f7a1cdced6342c18d223ece462fd88d"
	exampleKeyID   = "3fd85f74b32742f1bff64a85009dda07"
	exampleTime    = "2023-09-21T18:56:32.624632Z"
	exampleName    = "MY_API_KEY"
)

// examples returns the values of fields by name, or by message and name if a
// name is ambiguous. absent omits the field.
func examples() map[string]any {
	return map[string]any{
		"account_id":                  exampleAccount,
		"store_id":                    exampleStore,
		"secret_id":                   exampleKeyID,
		"ids":                         []string{exampleKeyID},
		"Store.id":                    exampleStore,
		"Secret.id":                   exampleKeyID,
		"Account.id":                  exampleAccount,
		"Token.id":                    "ed17574386854bf78a67040be0a770b0",
		"User.id":                     "ed17574386854bf78a67040be0a770b0",
		"Membership.id":               "4536bcfad5faccb111b47003c79917fa",
		"Store.name":                  "default_secrets_store",
		"CreateStoreRequest.name":     "default_secrets_store",
		"Account.name":                "production",
		"name":                        exampleName,
		"DuplicateSecretRequest.name": exampleName + "_COPY",
		"UpdateSecretRequest.name":    absent{},
		"value":                       "a value that nobody else sees",
		"comment":                     "Key of the payment service",
		"UpdateSecretRequest.comment": nil,
		"scopes":                      []string{"ai_gateway", "workers"},
		"created":                     exampleTime,
		"modified":                    exampleTime,
		"expires_on":                  absent{},
		"not_before":                  absent{},
		"status":                      "active",
		"Membership.status":           "accepted",
		"email":                       "payments@storekeeper.invalid",
		"username":                    "payments",
		"type":                        "standard",
		"roles":                       []string{"caller"},
		"quota":                       100,
		"usage":                       12,
		"count":                       1,
		"page":                        1,
		"per_page":                    20,
		"total_count":                 1,
		"total_pages":                 1,
		"messages":                    []string{},
	}
}

// absent is the example of a field that is left out.
type absent struct{}

// exampleOf returns the example of a field.
func exampleOf(field *protogen.Field) any {
	if field.Message != nil && field.Message.Desc.FullName() == rpcStatus {
		// The example did not fail.
		return absent{}
	}
	if field.Message != nil && !isScalar(field) {
		one := exampleOfFields(field.Message.Fields)
		if field.Desc.IsList() {
			return []any{one}
		}
		return one
	}
	if isNative(field.Parent.Desc) {
		return nativeExampleOf(field)
	}
	table := examples()
	if value, found := table[string(field.Parent.Desc.Name())+"."+string(field.Desc.Name())]; found {
		return value
	}
	if value, found := table[string(field.Desc.Name())]; found {
		return value
	}
	return absent{}
}

// exampleOfFields returns the example of a JSON object.
func exampleOfFields(fields []*protogen.Field) object {
	out := object{}
	for _, field := range fields {
		value := exampleOf(field)
		if _, leftOut := value.(absent); !leftOut {
			out = out.with(jsonName(field), value)
		}
	}
	return out
}

// envelopeExample is a successful answer.
func envelopeExample(message *protogen.Message) object {
	var result any
	if field := resultField(message); field != nil {
		result = exampleOf(field)
	}
	out := object{{"result", result}, {"success", true}, {"errors", []any{}}, {"messages", []any{}}}
	for _, field := range message.Fields {
		if field.Desc.Name() == "result_info" && !mayBeAbsent(field) {
			out = out.with("result_info", exampleOf(field))
		}
	}
	return out
}

// failureExample returns a failed answer, or nil if the text is not part of the contract.
func failureExample(f failure) any {
	if f.example == nil {
		return nil
	}
	return object{{"result", nil}, {"success", false}, {"errors", []object{f.example}}, {"messages", []any{}}}
}
