package upstream

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// codeInput is Cloudflare's number for, among others, input that breaks a
	// rule.
	codeInput = 1001
	// codeConflict is Cloudflare's number for a name that is taken and a limit
	// that is reached.
	codeConflict = 1003
	// wordBody says that a body is of the wrong shape. Bodies are written here
	// and not by the caller.
	wordBody = "invalid_json_body"
	// wordHidden stands for a word that holds a secret value.
	wordHidden = "input_refused"
	taken      = "_already_exists"

	budgetBlock = 5 * time.Minute
	shortBlock  = 10 * time.Second
)

var (
	wordForm  = regexp.MustCompile(`^[a-z][a-z_]{2,63}$`)
	limitForm = regexp.MustCompile(`^max [0-9]{1,18}$`)
)

// verdict is what a word of Cloudflare's means.
type verdict struct {
	kind   fault.Kind
	public string
}

// verdicts are the words that mean more than wrong input.
var verdicts = map[string]verdict{
	"store_not_found":  {fault.NotFound, "The account has no store with this identifier."},
	"secret_not_found": {fault.NotFound, "The store has no secret with this identifier."},
	"store_not_empty":  {fault.NotEmpty, "The store still holds secrets."},

	"secret_name_already_exists": {fault.NameTaken, "The store has a secret with this name already."},
	"store_name_already_exists":  {fault.NameTaken, "The account has a store with this name already."},

	"maximum_stores_exceeded":  {fault.LimitReached, "The account has all the stores that its Cloudflare plan allows."},
	"maximum_secrets_exceeded": {fault.LimitReached, "The account has all the secrets that its Cloudflare plan allows."},
}

// inputWords are the known words for wrong input. Unlike others they say
// nothing of the request, so they need no look for secrets.
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

// split parts a message into its machine word and what stands behind it.
func split(message string) (word, detail string) {
	word, detail, _ = strings.Cut(message, ":")
	return strings.TrimSpace(word), strings.TrimSpace(detail)
}

// known makes a fault of an error whose word is known to mean more than wrong
// input, or nil. One word has one meaning, whatever its number and status: the
// numbers cover many errors each, and few of the statuses were ever seen.
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

// input makes a fault of errors that blame the input, or nil if none does.
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

// inputWord gives the word of an error as far as it may be told, or nothing if
// the error does not blame the input.
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

// advice says what would be right, as far as the word tells.
func advice(word string) string {
	switch {
	case strings.HasSuffix(word, "_empty"):
		return "must not be empty"
	case strings.HasSuffix(word, "_too_long"):
		return "must be shorter"
	}
	return "must be what Cloudflare accepts"
}
