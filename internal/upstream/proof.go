package upstream

import (
	"net/http"
	"slices"
	"strings"

	"platform.internal/storekeeper/internal/fault"
)

// documentedCodes are Cloudflare's error codes by status that prove that a call was refused before
// it changed anything.
var documentedCodes = map[int][]int32{
	http.StatusBadRequest:   {6003, 7000, 7003, 9106, 9109},
	http.StatusUnauthorized: {9109, 10000},
	http.StatusForbidden:    {9109, 10000},
	http.StatusNotFound:     {7000, 7003},

	http.StatusTooManyRequests: {codeThrottled},
}

// wordStatuses are the statuses with which a documented error word counts. Cloudflare documents 4XX
// for all words. The status of most words was never observed.
var wordStatuses = []int{
	http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity,
}

// provesNothingDone reports whether Cloudflare documents that the refusal precedes any change. Any
// other refusal may come from a proxy after the change was made, so the outcome stays unknown.
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

// documentedWord reports whether an error is a machine word of Cloudflare. Known words count with
// any code, because Cloudflare uses one code for many errors. Cloudflare publishes no list of the
// words for invalid input, so each word of code 1001 counts with status 400.
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

// doubtful converts the fault of a refusal to the fault of a change with an unknown outcome.
func doubtful(f *fault.Error) *fault.Error {
	kind := fault.Upstream
	if f.Kind == fault.Throttled || f.Kind == fault.Unavailable {
		kind = f.Kind
	}
	unsure := lost(kind)
	unsure.RetryAfter = f.RetryAfter
	return unsure
}
