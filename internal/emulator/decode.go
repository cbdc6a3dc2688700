package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxBatch is the maximum number of items that a request creates or deletes.
const maxBatch = 100

// notJSON is the message for a body that is not JSON.
const notJSON = "must be valid JSON"

// jsonObject is a JSON object. Its keys are case-sensitive; decoding into a struct would ignore case.
type jsonObject = map[string]any

// decode parses JSON. Numbers stay text, so that no number is out of range. ok is false if the body is not
// JSON, and then found has the mistake.
func decode(body []byte, found *problems) (v any, ok bool) {
	if len(bytes.Trim(body, " \t\r\n")) == 0 {
		found.add(badJSON, wholeBody(), "must not be empty")
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	err := d.Decode(&v)
	if err == nil {
		_, err = d.Token()
	}
	if !errors.Is(err, io.EOF) || !utf8.Valid(body) {
		found.add(badJSON, wholeBody(), notJSON)
		return nil, false
	}
	return v, true
}

// badBody is the answer to a body that cannot be read completely.
func badBody() httpAnswer {
	var found problems
	found.add(badJSON, wholeBody(), notJSON)
	a, _ := found.refusal()
	return a
}

// decodeObject parses a body that must be an object.
func decodeObject(body []byte, found *problems) (jsonObject, bool) {
	v, ok := decode(body, found)
	if !ok {
		return nil, false
	}
	o, ok := v.(jsonObject)
	if !ok {
		found.add(badJSON, wholeBody(), "must be an object")
	}
	return o, ok
}

// decodeArray parses a body that must be an array of 1 to maxBatch items.
func decodeArray(body []byte, found *problems) ([]any, bool) {
	v, ok := decode(body, found)
	if !ok {
		return nil, false
	}
	items, ok := v.([]any)
	if !ok {
		found.add(badJSON, wholeBody(), "must be an array")
		return nil, false
	}
	return items, countItems(len(items), wholeBody(), found)
}

// countItems notes a list that is empty or too long and returns false. The
// items of a list that is too long are not checked.
func countItems(n int, at fieldPath, found *problems) bool {
	switch {
	case n == 0:
		found.add(badJSON, at, "must have at least 1 item")
	case n > maxBatch:
		found.add(badJSON, at, fmt.Sprintf("must have at most %d items", maxBatch))
	default:
		return true
	}
	return false
}
