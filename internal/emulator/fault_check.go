package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// The limits of a fault.
const (
	maxDelay    = 5 * time.Minute
	minStatus   = 300
	maxStatus   = 599
	maxHugeBody = 1 << 30
)

// faultKeys lists, per kind, the valid keys besides those of every kind, with their JSON names.
func faultKeys() map[FaultKind][]string {
	return map[FaultKind][]string{
		KindDelay:          {"after_commit"},
		KindLag:            {"lag_ms"},
		KindEraA:           {},
		KindRateLimit:      {"retry_after_s", "after_commit"},
		KindStatus:         {"status", "content_type", "body", "location", "retry_after_s", "after_commit"},
		KindSuccessFalse:   {"body", "after_commit"},
		KindEchoCredential: {"status", "after_commit"},
		KindCut:            {"after_commit"},
		KindTruncate:       {},
		KindCutMidBody:     {},
		KindContentType:    {"content_type"},
		KindHugeBody:       {"size"},
		KindRemarks:        {"messages", "errors", "result_info"},
	}
}

// kinds lists the names of all kinds in alphabetical order.
func kinds() []string {
	var names []string
	for k := range faultKeys() {
		names = append(names, string(k))
	}
	slices.Sort(names)
	return names
}

// check returns all mistakes in a fault.
func (f Fault) check() error {
	keys, known := faultKeys()[f.Kind]
	if !known {
		return fmt.Errorf("kind %q must be one of %s", f.Kind, strings.Join(kinds(), ", "))
	}
	var mistakes []error
	for _, key := range f.keysSet() {
		if !slices.Contains(keys, key) {
			mistakes = append(mistakes, fmt.Errorf("%s means nothing in the kind %q", key, f.Kind))
		}
	}
	return errors.Join(append(mistakes, f.checkMatch(), f.checkNeeds(), f.checkBounds())...)
}

// keysSet lists the keys that are set and that belong to some kinds only.
func (f Fault) keysSet() []string {
	set := map[string]bool{
		"after_commit":  f.AfterCommit,
		"status":        f.Status != 0,
		"retry_after_s": f.RetryAfter != 0,
		"content_type":  f.ContentType != "",
		"body":          f.Body != "",
		"location":      f.Location != "",
		"lag_ms":        f.Lag != 0,
		"size":          f.Size != 0,
		"messages":      f.Messages != "",
		"errors":        f.Errors != "",
		"result_info":   f.ResultInfo != "",
	}
	var keys []string
	for key, is := range set {
		if is {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func (f Fault) checkMatch() error {
	var mistakes []error
	methods := []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodOptions,
	}
	if f.Method != "" && !slices.Contains(methods, f.Method) {
		mistakes = append(mistakes, fmt.Errorf("method %q must be one of %s", f.Method, strings.Join(methods, ", ")))
	}
	if ids := operationIDs(); f.Operation != "" && !slices.Contains(ids, f.Operation) {
		mistakes = append(mistakes, fmt.Errorf("operation %q must be one of %s", f.Operation, strings.Join(ids, ", ")))
	}
	if _, err := path.Match(f.Path, ""); err != nil || f.Path != "" && f.Path[0] != '/' {
		mistakes = append(mistakes, fmt.Errorf("path %q must be a pattern that begins with a slash", f.Path))
	}
	return errors.Join(mistakes...)
}

func (f Fault) checkNeeds() error {
	switch {
	case f.Kind == KindStatus && f.Status == 0:
		return fmt.Errorf("status must be set in the kind %q", f.Kind)
	case f.Kind == KindLag && f.Lag == 0:
		return fmt.Errorf("lag_ms must be set in the kind %q", f.Kind)
	case f.Kind == KindDelay && f.Delay == 0:
		return fmt.Errorf("delay_ms must be set in the kind %q", f.Kind)
	default:
		return nil
	}
}

func (f Fault) checkBounds() error {
	var mistakes []error
	add := func(wrong bool, message string) {
		if wrong {
			mistakes = append(mistakes, errors.New(message))
		}
	}
	add(f.Times < 0, "times must be at least 0")
	// Also refuses NaN.
	add(!(f.Probability >= 0 && f.Probability <= 1), "probability must be from 0 to 1")
	add(f.Delay < 0 || f.Delay > maxDelay, fmt.Sprintf("delay_ms must be from 0 to %d", maxDelay.Milliseconds()))
	add(f.Status != 0 && (f.Status < minStatus || f.Status > maxStatus),
		fmt.Sprintf("status must be from %d to %d", minStatus, maxStatus))
	add(f.RetryAfter < 0, "retry_after_s must be at least 0")
	add(f.Lag < 0 || f.Lag > maxLag, fmt.Sprintf("lag_ms must be from 1 to %d", maxLag.Milliseconds()))
	add(f.Size < 0 || f.Size > maxHugeBody, fmt.Sprintf("size must be from 0 to %d", maxHugeBody))
	add(!isArray(f.Messages) || !isArray(f.Errors), "messages and errors must be JSON arrays of objects")
	add(!isObject(f.ResultInfo), "result_info must be a JSON object")
	add(strings.ContainsAny(f.ContentType+f.Location, "\r\n"), "content_type and location must be one line")
	return errors.Join(mistakes...)
}
