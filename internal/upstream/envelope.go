package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// maxItems is the most errors, and the most messages, that are looked at.
	maxItems = 500
	// maxText is the most bytes of a text that is relayed.
	maxText = 1 << 10
)

// pointerForm is the form of a JSON pointer that is relayed.
var pointerForm = regexp.MustCompile(`^(/[A-Za-z0-9_~-]{1,64}){1,8}$`)

// envelope is what Cloudflare puts around every result.
type envelope[T any] struct {
	Result     T           `json:"result"`
	Success    *bool       `json:"success"`
	Errors     items       `json:"errors"`
	Messages   items       `json:"messages"`
	ResultInfo *ResultInfo `json:"result_info"`
}

// items are errors or messages. What is not of their form is passed over: no
// result and no refusal is worth losing for a malformed remark.
type items []item

func (l *items) UnmarshalJSON(text []byte) error {
	if string(text) == "[]" {
		// As it is in nearly every answer.
		*l = nil
		return nil
	}
	var plain []item
	_ = json.Unmarshal(text, &plain)
	*l = plain
	return nil
}

// item is one of the errors or messages.
type item struct {
	Code             code   `json:"code"`
	Message          string `json:"message"`
	DocumentationURL string `json:"documentation_url"`
	Source           struct {
		Pointer string `json:"pointer"`
	} `json:"source"`
}

// understand makes an answer or a fault of a reply. An answer that broke off
// after the end of its JSON is as good as any.
func understand[T any](ctx context.Context, x *exchange, r reply, complete func(T) bool) (Answer[T], *fault.Error) {
	var e envelope[T]
	if r.status >= http.StatusMultipleChoices {
		return Answer[T]{}, x.refused(r, readRefusal(r))
	}
	err := decode(r, &e)
	switch {
	case e.Success != nil && !*e.Success:
		return Answer[T]{}, x.refused(r, refusal{errors: e.Errors, messages: e.Messages})
	case err != nil && (r.cut != nil || endsEarly(r.body)):
		return Answer[T]{}, x.unread(ctx, r)
	case err != nil || e.Success == nil || !complete(e.Result) || x.scrub.taints(r.body, e.Result):
		return Answer[T]{}, x.unreadable(r)
	}
	return Answer[T]{Result: e.Result, Info: e.ResultInfo, Notices: notices(e.Messages, x.scrub), Ray: r.ray}, nil
}

// decode reads an envelope. A body that is empty because its status forbids
// one is a success that gives nothing.
func decode[T any](r reply, e *envelope[T]) error {
	if len(r.body) == 0 && (r.status == http.StatusNoContent || r.status == http.StatusResetContent) {
		yes := true
		e.Success = &yes
		return nil
	}
	return json.Unmarshal(r.body, e)
}

// endsEarly says whether JSON that is wrong is so only in that it stops.
func endsEarly(body []byte) bool {
	var whole json.RawMessage
	err := json.NewDecoder(bytes.NewReader(body)).Decode(&whole)
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// first gives at most n of the items.
func (l items) first(n int) items { return l[:min(len(l), n)] }

// notices relays messages, without those that hold a secret or are no texts to
// show.
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

// text gives a text that may be relayed, or nothing.
func (s *scrubber) text(text string) string {
	if len(text) > maxText {
		return ""
	}
	return s.clean(text)
}

// pointer gives the pointer of an item, or nothing if it is not one to relay.
func (s *scrubber) pointer(it item) string {
	if !pointerForm.MatchString(it.Source.Pointer) {
		return ""
	}
	return s.clean(it.Source.Pointer)
}
