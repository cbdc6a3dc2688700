package emulator_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// contract is Cloudflare's OpenAPI document.
var contract = sync.OnceValues(func() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromFile("testdata/secrets-store.openapi.json")
	if err != nil {
		return nil, err
	}
	// The live API answers null if no comment is set. The document omits that.
	doc.Components.Schemas["secrets-store_comment"].Value.Nullable = true
	return doc, nil
})

// checkContract checks an answer against the contract, or, outside the contract, against the common envelope.
func checkContract(t *testing.T, method, target string, got reply) {
	t.Helper()
	if kind := got.header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("%s %s: content type %q", method, target, kind)
	}
	if ray := got.header.Get("Cf-Ray"); !regexp.MustCompile(`^[0-9a-f]{16}-DEV$`).MatchString(ray) {
		t.Errorf("%s %s: cf-ray %q", method, target, ray)
	}
	if method == http.MethodHead {
		return
	}
	var body any
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatalf("%s %s: %v in %.300s", method, target, err, got.body)
	}
	if got.status == http.StatusTooManyRequests {
		// The contract wants codes from 1000; the live API sends 971.
		return
	}
	schema := schemaOf(t, method, target, got.status)
	if err := schema.VisitJSON(body, openapi3.EnableFormatValidation()); err != nil {
		t.Errorf("%s %s: %v in %.300s", method, target, err, got.body)
	}
}

// schemaOf returns the schema of an answer: that of its operation and status, or the schema of failures.
func schemaOf(t *testing.T, method, target string, status int) *openapi3.Schema {
	t.Helper()
	doc, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	anyFailure := doc.Components.Schemas["secrets-store_api-response-common-failure"].Value
	path, _, _ := strings.Cut(strings.TrimPrefix(target, "/client/v4"), "?")
	item := pathItem(doc, path)
	if item == nil || item.GetOperation(method) == nil {
		if status < http.StatusBadRequest {
			return openapi3.NewSchema()
		}
		return anyFailure
	}
	responses := item.GetOperation(method).Responses
	exact := responses.Value(strconv.Itoa(status))
	if exact == nil && status >= http.StatusBadRequest && status < http.StatusInternalServerError {
		exact = responses.Value("4XX")
	}
	if exact == nil {
		t.Fatalf("%s %s: status %d is not in the contract", method, target, status)
	}
	return exact.Value.Content.Get("application/json").Schema.Value
}

func pathItem(doc *openapi3.T, path string) *openapi3.PathItem {
	segments := strings.Split(path, "/")
	for pattern, item := range doc.Paths.Map() {
		wanted := strings.Split(pattern, "/")
		same := len(wanted) == len(segments)
		for i := 0; same && i < len(wanted); i++ {
			same = strings.HasPrefix(wanted[i], "{") && segments[i] != "" || wanted[i] == segments[i]
		}
		if same {
			return item
		}
	}
	return nil
}

func TestContractHasTwelveOperationsAndAllAreServed(t *testing.T) {
	a := start(t, noLimits())
	doc, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	served := 0
	for pattern, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			path := strings.NewReplacer("{account_id}", accountID, "{store_id}", noSuchID, "{secret_id}", noSuchID).Replace(pattern)
			a.do(method, "/client/v4"+path, "{}")
			if n := a.e.Calls(operation.OperationID); n != 1 {
				t.Errorf("%s: %d calls counted, want 1", operation.OperationID, n)
			}
			served++
		}
	}
	if served != 12 {
		t.Errorf("%d operations, want 12", served)
	}
}
