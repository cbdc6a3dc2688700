package idempotency

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// definite holds the kinds of faults that are recorded as answers, by their encoded names.
var definite = map[string]fault.Kind{
	"bad_input":     fault.BadInput,
	"too_large":     fault.TooLarge,
	"not_found":     fault.NotFound,
	"name_taken":    fault.NameTaken,
	"limit_reached": fault.LimitReached,
	"not_empty":     fault.NotEmpty,
}

// isDefinite reports whether f is recorded as the answer of its change.
func isDefinite(f *fault.Error) bool {
	return f.Reason != fault.ReasonUpstreamAnswerLost && kindWord(f.Kind) != ""
}

func kindWord(k fault.Kind) string {
	for word, kind := range definite {
		if kind == k {
			return word
		}
	}
	return ""
}

// faultForm is the stored form of a definite fault: everything that a caller can see, without the cause.
type faultForm struct {
	Kind       string        `json:"kind"`
	Reason     string        `json:"reason"`
	Public     string        `json:"public"`
	Detail     string        `json:"detail,omitempty"`
	Fields     []fieldForm   `json:"fields,omitempty"`
	Notices    []noticeForm  `json:"notices,omitempty"`
	Errors     []noticeForm  `json:"errors,omitempty"`
	RetryAfter time.Duration `json:"retry_after,omitempty"`
	Ray        string        `json:"ray,omitempty"`
}

type fieldForm struct {
	Path    string `json:"path,omitempty"`
	Pointer string `json:"pointer,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Detail  string `json:"detail,omitempty"`
	Text    string `json:"text,omitempty"`
}

type noticeForm struct {
	Code             int32  `json:"code,omitempty"`
	Text             string `json:"text,omitempty"`
	DocumentationURL string `json:"documentation_url,omitempty"`
	Pointer          string `json:"pointer,omitempty"`
}

func encodeFault(f *fault.Error) json.RawMessage {
	form := faultForm{
		Kind: kindWord(f.Kind), Reason: f.Reason, Public: f.Public, Detail: f.Detail,
		RetryAfter: f.RetryAfter, Ray: f.Ray,
	}
	for _, x := range f.Fields {
		form.Fields = append(form.Fields, fieldForm(x))
	}
	for _, n := range f.Notices {
		form.Notices = append(form.Notices, noticeForm(n))
	}
	for _, n := range f.Errors {
		form.Errors = append(form.Errors, noticeForm(n))
	}
	raw, _ := json.Marshal(form) //nolint:errchkjson // texts and numbers
	return raw
}

func decodeFault(raw json.RawMessage) (*fault.Error, error) {
	var form faultForm
	if err := json.Unmarshal(raw, &form); err != nil {
		return nil, fmt.Errorf("a kept fault cannot be read: %w", err)
	}
	kind, known := definite[form.Kind]
	if !known {
		return nil, fmt.Errorf("a kept fault has the unknown kind %q", form.Kind)
	}
	f := fault.New(kind, form.Reason, form.Public)
	f.Detail, f.RetryAfter, f.Ray = form.Detail, form.RetryAfter, form.Ray
	for _, x := range form.Fields {
		f.Fields = append(f.Fields, fault.Field(x))
	}
	for _, n := range form.Notices {
		f.Notices = append(f.Notices, fault.Notice(n))
	}
	for _, n := range form.Errors {
		f.Errors = append(f.Errors, fault.Notice(n))
	}
	return f, nil
}

func keyReused() *fault.Error {
	return fault.New(fault.KeyReused, fault.ReasonIdempotencyKeyReused, "The idempotency key was used with another request.")
}

// inProgress returns the fault of a call that must wait for an open change. Pass an empty Intent if the
// caller must not learn the change.
func inProgress(text string, i Intent) *fault.Error {
	var detail string
	if i.ID != "" {
		detail = "change " + i.ID
	}
	if i.RequestID != "" {
		detail += " of request " + i.RequestID
	}
	if detail != "" {
		text += " It is " + detail + "."
	}
	f := fault.New(fault.Unavailable, fault.ReasonChangeInProgress, text)
	f.Detail, f.RetryAfter = detail, inProgressPause
	return f
}

func tooLarge() *fault.Error {
	f := fault.New(fault.TooLarge, fault.ReasonRequestTooLarge,
		"What must be kept of the request while the change is made, which is the request without its values, is longer than 4 MiB; make shorter comments or smaller batches.")
	f.Local = true
	return f
}

func shuttingDown() *fault.Error {
	f := fault.New(fault.Unavailable, fault.ReasonShuttingDown, "This replica is shutting down.")
	f.RetryAfter = shutDownPause
	return f
}

// notKept returns the fault of a change whose answer cannot be read or written now.
func notKept(cause error) *fault.Error {
	f := fault.New(fault.Unavailable, fault.ReasonStateUnavailable, "The state of changes cannot be read or written now.")
	f.RetryAfter = time.Second
	return f.Because(cause)
}

// storeFault converts an error of the store.
func storeFault(err error) *fault.Error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	return notKept(err)
}
