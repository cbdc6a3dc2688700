package upstream

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// codeInput is Cloudflare's code for, among others, invalid input.
	codeInput = 1001
	// codeConflict is Cloudflare's code for a name conflict or a reached limit.
	codeConflict = 1003
	// wordBody is the error for a malformed body. Storekeeper writes the bodies, so the error does
	// not blame the caller.
	wordBody = "invalid_json_body"
	// wordHidden replaces a word that contains a secret value.
	wordHidden = "input_refused"
	taken      = "_already_exists"

	budgetBlock = 5 * time.Minute
	shortBlock  = 10 * time.Second
)

var (
	wordForm  = regexp.MustCompile(`^[a-z][a-z_]{2,63}$`)
	limitForm = regexp.MustCompile(`^max [0-9]{1,18}$`)
)

// verdict is the meaning of an error word of Cloudflare.
type verdict struct {
	kind   fault.Kind
	public string
}

// verdicts are the error words with a meaning other than invalid input.
var verdicts = map[string]verdict{
	"store_not_found":  {fault.NotFound, "The account has no store with this identifier."},
	"secret_not_found": {fault.NotFound, "The store has no secret with this identifier."},
	"store_not_empty":  {fault.NotEmpty, "The store still holds secrets."},

	"secret_name_already_exists": {fault.NameTaken, "The store has a secret with this name already."},
	"store_name_already_exists":  {fault.NameTaken, "The account has a store with this name already."},

	"maximum_stores_exceeded":  {fault.LimitReached, "The account has all the stores that its Cloudflare plan allows."},
	"maximum_secrets_exceeded": {fault.LimitReached, "The account has all the secrets that its Cloudflare plan allows."},
}

// inputWords are the known words for invalid input. They contain no part of the request, so they
// need no search for secrets.
var inputWords = []string{
	"secret_name_empty", "secret_name_invalid", "secret_name_too_long",
	"secret_value_empty", "secret_value_too_long",
	"secret_scopes_empty", "secret_scope_invalid", "secret_comment_too_long",
	"store_name_empty", "store_name_too_long",
	"page_invalid", "per_page_invalid", "order_invalid", "direction_invalid", "force_invalid",
}

func (v verdict) fault(word string) *fault.Error {
	return fault.New(v.kind, strings.ToUpper(word), v.public)
}

// split splits a message into the machine word and the rest.
func split(message string) (word, detail string) {
	word, detail, _ = strings.Cut(message, ":")
	return strings.TrimSpace(word), strings.TrimSpace(detail)
}

// known makes the fault of an error word in verdicts, or returns nil. A word has one meaning with
// any code and status, because each code covers many errors and few of the statuses were ever
// observed.
func (x *exchange) known(it item) *fault.Error {
	word, detail := split(it.Message)
	v, ok := verdicts[word]
	if !ok && wordForm.MatchString(word) && strings.HasSuffix(word, taken) && !x.scrub.dirty(word) {
		v, ok = verdict{fault.NameTaken, "The name is in use already."}, true
	}
	if !ok {
		return nil
	}
	f := v.fault(word)
	switch {
	case v.kind == fault.NameTaken && slices.Contains(x.names, detail),
		v.kind == fault.LimitReached && limitForm.MatchString(detail):
		f.Detail = x.scrub.clean(detail)
	}
	return f
}

// input makes the fault of errors about the input, or returns nil.
func (x *exchange) input(said refusal) *fault.Error {
	var fields []fault.Field
	var words []string
	for _, it := range said.errors.first(maxItems) {
		word := x.inputWord(it)
		if word == "" {
			continue
		}
		fields = append(fields, fault.Field{
			Pointer: x.scrub.pointer(it),
			Reason:  strings.ToUpper(word),
			Text:    advice(word),
		})
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	if fields == nil {
		return nil
	}
	f := fault.New(fault.BadInput, fields[0].Reason, "Cloudflare refused the input: "+strings.Join(words, ", ")+".")
	f.Fields = fields
	return f
}

// inputWord returns the word of an error about the input if the word may be shown. It returns an
// empty text if the error does not concern the input.
func (x *exchange) inputWord(it item) string {
	word, _ := split(it.Message)
	switch {
	case slices.Contains(inputWords, word):
		return word
	case word == wordBody, it.Code.number() != codeInput, !wordForm.MatchString(word):
		return ""
	case x.scrub.dirty(word):
		return wordHidden
	}
	return word
}

// advice returns the correction that a word suggests.
func advice(word string) string {
	switch {
	case strings.HasSuffix(word, "_empty"):
		return "must not be empty"
	case strings.HasSuffix(word, "_too_long"):
		return "must be shorter"
	}
	return "must be what Cloudflare accepts"
}
