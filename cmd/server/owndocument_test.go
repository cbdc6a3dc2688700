package main

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// ownDocument is the OpenAPI document that a program serves.
type ownDocument struct {
	root     map[string]any
	mu       sync.Mutex // the compiler is for one at a time
	compiler *jsonschema.Compiler
}

// served has the URLs of a program's document.
type served struct {
	rest string
	mu   sync.Mutex
	read *ownDocument
}

// document reads the document once, the way that the first answer came.
func (s *served) document(transport http.RoundTripper) (*ownDocument, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read == nil {
		doc, err := readOwnDocument(transport, s.rest)
		if err != nil {
			return nil, err
		}
		s.read = doc
	}
	return s.read, nil
}

func readOwnDocument(transport http.RoundTripper, rest string) (*ownDocument, error) {
	r, err := http.NewRequest(http.MethodGet, rest+"/openapi.json", http.NoBody) //nolint:noctx // the test's own time limit holds
	if err != nil {
		return nil, err
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	doc, err := jsonschema.UnmarshalJSON(answer.Body)
	if err != nil {
		return nil, err
	}
	d := &ownDocument{compiler: jsonschema.NewCompiler()}
	d.root, _ = doc.(map[string]any)
	d.compiler.AssertFormat()
	return d, d.compiler.AddResource("doc.json", doc)
}

// check checks an answer against the declared schema and headers. failure is
// the schema of failures of undeclared calls.
func (d *ownDocument) check(method, path string, answer *http.Response, body []byte, failure string) error {
	at := []string{"components", "schemas", failure}
	paths, _ := d.root["paths"].(map[string]any)
	operation := []string{"paths", template(path, slices.Collect(maps.Keys(paths))), strings.ToLower(method)}
	if d.at(operation...) != nil {
		response := d.response(append(operation, "responses"), answer.StatusCode)
		if response == nil {
			return fmt.Errorf("status %d is not declared", answer.StatusCode)
		}
		if err := d.checkHeaders(response, answer); err != nil {
			return err
		}
		at = append(response, "content", "application/json", "schema")
	} else if answer.StatusCode < http.StatusBadRequest {
		return fmt.Errorf("a success of a call that is not declared")
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	schema, err := d.compile(at)
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// response returns the declaration for a status, following a reference.
func (d *ownDocument) response(responses []string, status int) []string {
	for _, key := range []string{strconv.Itoa(status), strconv.Itoa(status/100) + "XX", "default"} {
		place := append(slices.Clone(responses), key)
		found, ok := d.at(place...).(map[string]any)
		if !ok {
			continue
		}
		if ref, ok := found["$ref"].(string); ok {
			return strings.Split(strings.TrimPrefix(ref, "#/"), "/")
		}
		return place
	}
	return nil
}

// unsaid has HTTP's own headers, which no document describes.
var unsaid = []string{"Connection", "Content-Length", "Content-Type", "Date", "X-Content-Type-Options"}

// checkHeaders checks that every sent header is declared.
func (d *ownDocument) checkHeaders(response []string, answer *http.Response) error {
	declared, _ := d.at(append(slices.Clone(response), "headers")...).(map[string]any)
	for name := range answer.Header {
		known := slices.ContainsFunc(slices.Collect(maps.Keys(declared)), func(k string) bool { return strings.EqualFold(k, name) })
		if !known && !slices.Contains(unsaid, name) {
			return fmt.Errorf("header %s is not declared for status %d", name, answer.StatusCode)
		}
	}
	return nil
}

func (d *ownDocument) compile(place []string) (*jsonschema.Schema, error) {
	pointer := ""
	for _, step := range place {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(step)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.compiler.Compile("doc.json#" + pointer)
}

// at follows keys into the document. A missing key gives nil.
func (d *ownDocument) at(keys ...string) any {
	var value any = d.root
	for _, key := range keys {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}
