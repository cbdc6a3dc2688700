package upstream

import (
	"net/http"
	"slices"
	"strings"

	"platform.internal/storekeeper/internal/fault"
)

// documentedCodes are Cloudflare's error codes that, with the status, prove that
// a call was refused before it changed anything.
var documentedCodes = map[int][]int32{
	http.StatusBadRequest:   {6003, 7000, 7003, 9106, 9109},
	http.StatusUnauthorized: {9109, 10000},
	http.StatusForbidden:    {9109, 10000},
	http.StatusNotFound:     {7000, 7003},

	http.StatusTooManyRequests: {codeThrottled},
}

// wordStatuses are the statuses under which a documented word counts. Cloudflare
// documents 4XX for all words. The status of most words was never recorded.
var wordStatuses = []int{
	http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity,
}

// provesNothingDone says whether a refusal of a change is documented by
// Cloudflare. Any other refusal may come from a proxy after the change was made,
// so it says nothing about the change.
func (x *exchange) provesNothingDone(r reply, said refusal) bool {
	switch {
	case !said.whole || r.challenged:
		return false
	case r.status == http.StatusConflict && x.name == opDeleteStore:
		return len(said.errors) > 0
	case r.status == http.StatusNotFound && said.has(codeGeneric) && x.missing() != nil:
		return true
	case said.has(documentedCodes[r.status]...):
		return true
	case !slices.Contains(wordStatuses, r.status):
		return false
	}
	return slices.ContainsFunc(said.errors.first(maxItems), func(it item) bool { return documentedWord(r.status, it) })
}

// documentedWord says whether an error is one of Cloudflare's machine words. The
// known words count under each code: one code stands for many errors. Cloudflare
// publishes no list of the words for wrong input, so each word of code 1001
// counts with status 400.
func documentedWord(status int, it item) bool {
	word, _ := split(it.Message)
	if _, known := verdicts[word]; known || word == wordBody || slices.Contains(inputWords, word) {
		return true
	}
	switch it.Code.number() {
	case codeInput:
		return status == http.StatusBadRequest && wordForm.MatchString(word)
	case codeConflict:
		return wordForm.MatchString(word) && strings.HasSuffix(word, taken)
	}
	return false
}

// doubtful makes of the fault of a refusal the fault of a change that may have
// been made.
func doubtful(f *fault.Error) *fault.Error {
	kind := fault.Upstream
	if f.Kind == fault.Throttled || f.Kind == fault.Unavailable {
		kind = f.Kind
	}
	unsure := lost(kind)
	unsure.RetryAfter = f.RetryAfter
	return unsure
}
