package main

import (
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
)

// Behaviour of the facade that no descriptor declares. Each table reflects a
// decision in the gateway; the contract tests check real answers against the
// document.

// title and introduction open the document.
const (
	title        = "Storekeeper"
	introduction = "Two APIs, served under the caller's own identity. Below `/client/v4` is Cloudflare's Secrets Store API, path for path: " +
		"every answer is Cloudflare's envelope, `result`, `success`, `errors`, `messages` and, for lists, `result_info`. " +
		"Below `/storekeeper/v1` is Storekeeper's own API, as plain JSON in Google's mapping of protobuf: " +
		"an answer is the message itself, and a failure is a `google.rpc.Status`. " +
		"A body is read as JSON whatever its Content-Type says; a key that is not described here is refused by name. " +
		"The same calls are served over gRPC."
)

// accepted reports whether a method answers 202 in place of 200: Cloudflare has
// accepted a deletion and executes it later.
func accepted(method *protogen.Method) bool {
	return method.GoName == "DeleteSecret" || method.GoName == "DeleteSecrets"
}

// statusOf returns the HTTP status of a gRPC code in a comment. rest is the text
// behind the code.
func statusOf(code, rest string) (status string, known bool) {
	switch {
	case code == "NOT_FOUND":
		return "404", true
	case code == "FAILED_PRECONDITION" && strings.Contains(rest, "STORE_NOT_EMPTY"):
		return "409", true
	// Never 409: every SDK would retry.
	case code == "ALREADY_EXISTS", code == "FAILED_PRECONDITION":
		return "400", true
	default:
		return "", false
	}
}

// failure is a kind of answer to a call that failed.
type failure struct {
	status, name, text string
	given              occurrence
	// headers are the names of headers beyond the headers of every answer.
	// headers() describes them.
	headers []string
	// example is an item of "errors", or nil if the text is not part of the
	// contract.
	example object
}

// responseName is the name of the response of a failure in the API of a call.
func (f failure) responseName(b binding) string {
	if b.native() {
		return nativePrefix + f.name
	}
	return f.name
}

// occurrence says which methods can give a failure.
type occurrence int

const (
	// always is every method.
	always occurrence = iota
	// withBody is a method that takes a body.
	withBody
	// withKey is a method that takes an Idempotency-Key.
	withKey
	// whenSaid is a method with this failure in its comment.
	whenSaid
)

// failureTable lists the kinds of failure by status.
func failureTable() []failure {
	retryAfter, shouldRetry := "Retry-After", "X-Should-Retry"
	return []failure{
		{"400", "BadInput", "The request breaks a rule. Every wrong field has an item in `errors`.", always, nil,
			object{{"code", 1001}, {"message", "secret_scopes_empty"}, {"source", object{{"pointer", "/0/scopes"}}}}},
		{"401", "Unauthenticated", "There is no credential, or one that is not known.", always, []string{"WWW-Authenticate"},
			object{{"code", 10000}, {"message", "Authentication error"}}},
		{"403", "Denied", "The caller may not do this, or not in this account.", always, nil,
			object{{"code", 9109}, {"message", "Unauthorized to access requested resource"}}},
		{"404", "NotFound", "There is no such object.", whenSaid, nil,
			object{{"code", 1001}, {"message", "store_not_found"}}},
		{"408", "TooSlow", "The body comes more slowly than Storekeeper waits for it.", withBody, nil, nil},
		{"409", "NotEmpty", "The object is in use.", whenSaid, []string{shouldRetry},
			object{{"code", 1003}, {"message", "store_not_empty"}}},
		{"413", "TooLarge", "The body is longer than Storekeeper reads.", withBody, nil,
			object{{"code", 1001}, {"message", "request_too_large"}}},
		{"415", "Encoded", "The body has another Content-Encoding than gzip.", withBody, []string{"Accept-Encoding"}, nil},
		{"422", "KeyReused", "The Idempotency-Key came with another request before.", withKey, nil, nil},
		{"429", "Throttled", "A call budget is spent.", always, []string{retryAfter}, nil},
		{"4XX", "Refused", "Any other refusal, such as 404 for a path that does not exist.", always, nil, nil},
		{"500", "Internal", "A mistake in Storekeeper.", always, []string{shouldRetry}, nil},
		{"502", "Upstream", "Cloudflare refused Storekeeper's own credential or answered something that makes no sense.", always,
			[]string{shouldRetry}, nil},
		{"503", "Unavailable", "Cloudflare cannot be reached now.", always, []string{retryAfter, shouldRetry}, nil},
		{"504", "Deadline", "Cloudflare did not answer in time.", always, []string{shouldRetry}, nil},
		{"5XX", "Failed", "Any other failure of Storekeeper.", always, []string{shouldRetry}, nil},
	}
}

// headers describes the headers that answers can have.
func headers() object {
	header := func(text string, schema object) object {
		return object{{"description", text}, {"schema", schema}}
	}
	return object{
		{"X-Request-Id", header("Finds the call in Storekeeper's log.", object{{"type", "string"}})},
		{"Cf-Ray", header("Finds the call at Cloudflare. Absent if Cloudflare was not asked.", object{{"type", "string"}})},
		{"Ratelimit", header("What is left of the caller's share of the account's calls: r is the calls left, t the seconds until more are free.",
			object{{"type", "string"}, {"examples", []string{`"default";r=1172;t=300`}}})},
		{"Ratelimit-Policy", header("The caller's share of the account's calls: q is the calls in a window, w the seconds of the window.",
			object{{"type", "string"}, {"examples", []string{`"default";q=1200;w=300`}}})},
		{"Age", header("How many seconds ago Cloudflare gave the answer. Absent if Cloudflare was asked for this call.",
			object{{"type", "integer"}, {"minimum", 0}})},
		{"Cache-Status", header("Says that the answer was kept here (RFC 9211), with detail=stale while Cloudflare cannot be asked. "+
			"Absent if Cloudflare was asked for this call.",
			object{{"type", "string"}, {"examples", []string{"storekeeper; hit", "storekeeper; hit; detail=stale"}}})},
		{"Accept-Encoding", header("The content encodings that a body may have.", object{{"type", "string"}})},
		{"Idempotent-Replayed", header("The answer is that of an earlier call with the same name. Nothing was sent to Cloudflare for this call.",
			object{{"type", "string"}, {"enum", []string{"true"}}})},
		{"Retry-After", header("Seconds until the same call can succeed.", object{{"type", "integer"}, {"minimum", 0}})},
		{"X-Should-Retry", header("Tells Cloudflare's SDKs not to repeat the call: it cannot help, or what it did is not known.",
			object{{"type", "string"}, {"enum", []string{"false"}}})},
		{"WWW-Authenticate", header("The scheme of credentials and what was wrong.", object{{"type", "string"}})},
	}
}

// headersOf refers to the headers that every answer can have and to more.
func headersOf(more []string) object {
	var out object
	for _, name := range append([]string{"X-Request-Id", "Cf-Ray", "Ratelimit", "Ratelimit-Policy"}, more...) {
		out = out.with(name, object{{"$ref", "#/components/headers/" + name}})
	}
	return out
}

// olderBody is a second form of a request body that the facade accepts, nil
// for most methods. Old clients name the secrets to delete as objects.
func olderBody(method *protogen.Method, ids object) object {
	if method.GoName != "DeleteSecrets" {
		return nil
	}
	items, _ := ids.get("items").(object)
	item := object{
		{"type", "object"}, {"required", []string{"id"}},
		{"properties", object{{"id", items}}}, {"additionalProperties", false},
	}
	out := object{{"type", "array"}, {"description", "The form of older clients."}}
	for _, limit := range []string{"minItems", "maxItems"} {
		out = out.with(limit, ids.get(limit))
	}
	return out.with("items", item)
}

// securitySchemes returns the kinds of credentials.
func securitySchemes() object {
	key := func(name, text string) object {
		return object{{"type", "apiKey"}, {"in", "header"}, {"name", name}, {"description", text}}
	}
	return object{
		{"token", object{{"type", "http"}, {"scheme", "bearer"}, {"description", "The caller's own API key."}}},
		{"email", key("X-Auth-Email", "Any address; clients of the older scheme send one.")},
		{"key", key("X-Auth-Key", "The caller's own API key, in the older scheme.")},
	}
}
