package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// maxItems is the maximum number of errors, and of messages, that are processed.
	maxItems = 500
	// maxText is the maximum length in bytes of a relayed text.
	maxText = 1 << 10
)

// successes are the statuses of successful responses of Cloudflare.
var successes = []int{http.StatusOK, http.StatusCreated, http.StatusAccepted}

// envelope is Cloudflare's response envelope.
type envelope[T any] struct {
	Result     T           `json:"result"`
	Success    *bool       `json:"success"`
	Errors     items       `json:"errors"`
	Messages   items       `json:"messages"`
	ResultInfo *ResultInfo `json:"result_info"`
}

// items are errors or messages. Malformed items are ignored, because the result or the refusal is
// still useful.
type items []item

func (l *items) UnmarshalJSON(text []byte) error {
	if string(text) == "[]" {
		// The usual case.
		*l = nil
		return nil
	}
	var plain []item
	_ = json.Unmarshal(text, &plain)
	*l = plain
	return nil
}

// item is an error or a message.
type item struct {
	Code             code   `json:"code"`
	Message          string `json:"message"`
	DocumentationURL string `json:"documentation_url"`
	Source           struct {
		Pointer string `json:"pointer"`
	} `json:"source"`
}

// understand decodes a response into an answer or a fault. A response that was cut after the end of
// its JSON counts as complete.
func understand[T any](ctx context.Context, x *exchange, r reply, fit fits[T]) (Answer[T], *fault.Error) {
	var e envelope[T]
	if r.status >= http.StatusMultipleChoices {
		return Answer[T]{}, x.refused(r, readRefusal(r))
	}
	// inspect checks keys and characters, with its own consequences.
	err := jsonv2.Unmarshal(r.body, &e, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	seen, sound := outline{}, false
	if err == nil {
		seen, sound = inspect(r.body)
	}
	switch {
	case !slices.Contains(successes, r.status):
		return Answer[T]{}, x.unreadable(r)
	case err != nil && (r.cut != nil || endsEarly(r.body)):
		return Answer[T]{}, x.unread(ctx, r)
	case sound && e.Success != nil && !*e.Success:
		return Answer[T]{}, x.refused(r, refusal{errors: e.Errors, messages: e.Messages})
	case !sound || !e.succeeded(r, seen):
		return Answer[T]{}, x.unreadable(r)
	}
	answer := Answer[T]{Result: e.Result, Info: e.ResultInfo, Ray: r.ray}
	if !x.hasResult(seen) || !fit(answer) || x.scrub.taints(r.body) {
		return Answer[T]{}, x.unreadable(r)
	}
	answer.Notices = notices(e.Messages, &x.scrub)
	return answer, nil
}

// succeeded reports whether an envelope has the documented form of a success.
func (e *envelope[T]) succeeded(r reply, seen outline) bool {
	noErrors := seen.errors == 0 || seen.errors == 'n' || seen.errors == '[' && len(e.Errors) == 0
	return r.media == jsonType && e.Success != nil && *e.Success && noErrors
}

// hasResult reports whether the result has the type that the operation returns: a list, an object,
// or nothing. Older versions of the API answered deletes with the deleted objects.
func (x *exchange) hasResult(seen outline) bool {
	switch x.name {
	case opListStores, opListSecrets, opCreateSecrets:
		return seen.result == '['
	case opDeleteStore, opDeleteSecret:
		return seen.result == 0 || seen.result == 'n' || seen.result == '{'
	case opDeleteSecrets:
		return seen.result == 0 || seen.result == 'n' || seen.result == '['
	}
	return seen.result == '{'
}

// endsEarly reports whether the JSON is only truncated.
func endsEarly(body []byte) bool {
	var whole json.RawMessage
	err := json.NewDecoder(bytes.NewReader(body)).Decode(&whole)
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// first returns at most n of the items.
func (l items) first(n int) items { return l[:min(len(l), n)] }

// notices relays messages, except for messages with a secret or an invalid text.
func notices(said items, s *scrubber) []Notice {
	var relayed []Notice
	for _, it := range said.first(maxItems) {
		message := s.text(it.Message)
		if message == "" {
			continue
		}
		relayed = append(relayed, Notice{
			Code:             it.Code.value,
			Message:          message,
			DocumentationURL: s.text(it.DocumentationURL),
			Pointer:          s.pointer(it),
		})
	}
	return relayed
}

// text returns a text if it may be relayed, or else an empty text.
func (s *scrubber) text(text string) string {
	if len(text) > maxText {
		return ""
	}
	return s.clean(text)
}

// pointer returns the pointer of an item if it may be relayed, or else an empty text.
func (s *scrubber) pointer(it item) string {
	if !isPointer(it.Source.Pointer) {
		return ""
	}
	return s.clean(it.Source.Pointer)
}

// isPointer reports whether a text is a JSON pointer of 1 to 8 plain names of 1 to 64 bytes.
func isPointer(text string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~-"
	names, ok := strings.CutPrefix(text, "/")
	parts := strings.Split(names, "/")
	return ok && len(parts) <= 8 && !slices.ContainsFunc(parts, func(name string) bool {
		return name == "" || len(name) > 64 || strings.Trim(name, letters) != ""
	})
}
