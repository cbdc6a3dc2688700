package upstream

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// codeThrottled is Cloudflare's number for a spent call budget.
	codeThrottled = 971
	// codeInvalidToken says, where a token is verified, that it is no good. In
	// other places it says other things.
	codeInvalidToken = 1000
	// codeGeneric is the same number. With status 404 Cloudflare sometimes sends
	// it in place of the word for a missing object.
	codeGeneric = 1000
)

// credentialCodes are Cloudflare's numbers for a credential that is malformed,
// missing, wrong or not permitted.
var credentialCodes = []int32{6003, 9106, 9109, 10000}

// refusal is what Cloudflare said to a call that failed.
type refusal struct {
	errors, messages items
	// spoken says that the API itself answered, not something before it.
	spoken bool
	// whole says that the answer is a failure envelope in the form that
	// Cloudflare documents.
	whole bool
}

// readRefusal reads the envelope of a failure as far as there is one. The
// status alone says enough of a read where there is none.
func readRefusal(r reply) refusal {
	var e envelope[None]
	err := json.Unmarshal(r.body, &e)
	if err == nil {
		if _, sound := inspect(r.body); !sound {
			return refusal{}
		}
	}
	return refusal{
		errors: e.Errors, messages: e.Messages,
		spoken: e.Success != nil || len(e.Errors) > 0,
		whole:  err == nil && r.cut == nil && r.media == jsonType && e.Success != nil && !*e.Success,
	}
}

func (s refusal) has(codes ...int32) bool {
	return slices.ContainsFunc(s.errors.first(maxItems), func(it item) bool {
		return slices.Contains(codes, it.Code.number())
	})
}

// refused makes a fault of a refusal.
func (x *exchange) refused(r reply, said refusal) *fault.Error {
	f := x.classify(r, said)
	if x.changes() && !x.provesNothingDone(r, said) {
		f = doubtful(f)
	}
	f.Ray = r.ray
	if f.Kind != fault.Upstream && f.Kind != fault.Unavailable && f.Reason != fault.ReasonUpstreamAnswerLost {
		f.Notices = told(notices(said.messages, x.scrub))
		f.Errors = told(x.errorsOf(said, f))
	}
	return f.Because(r.about(said.errors))
}

func told(said []Notice) []fault.Notice {
	var out []fault.Notice
	for _, n := range said {
		out = append(out, fault.Notice{Code: deref(n.Code), Text: n.Message, DocumentationURL: n.DocumentationURL, Pointer: n.Pointer})
	}
	return out
}

// errorsOf gives the errors of a refusal. What stands behind a machine word may
// name an object of another caller, so it is told only where the request names it.
func (x *exchange) errorsOf(said refusal, f *fault.Error) []Notice {
	shown := make(items, 0, len(said.errors))
	for _, it := range said.errors.first(maxItems) {
		if word, detail := split(it.Message); wordForm.MatchString(word) {
			it.Message = word
			if slices.Contains(x.names, detail) || limitForm.MatchString(detail) {
				it.Message += ": " + detail
			}
		}
		shown = append(shown, it)
	}
	shown.name(f)
	return notices(shown, x.scrub)
}

// name gives the word of a fault to the error that the fault was made of, where
// that was known by its code or by the status.
func (l items) name(f *fault.Error) {
	word := strings.ToLower(f.Reason)
	spoken := slices.ContainsFunc(l, func(it item) bool { return strings.HasPrefix(it.Message, word) })
	if spoken || len(f.Fields) > 0 || len(l) == 0 {
		return
	}
	decided := max(0, slices.IndexFunc(l, func(it item) bool {
		return slices.Contains([]int32{codeThrottled, codeGeneric}, it.Code.number())
	}))
	l[decided].Message = word
}

// classify finds whose doing a refusal is. Trouble of the platform comes first,
// so that no word in such an answer makes it the caller's.
func (x *exchange) classify(r reply, said refusal) *fault.Error {
	switch {
	case r.status >= http.StatusInternalServerError, r.status == http.StatusRequestTimeout:
		return x.outage(r)
	case r.status == http.StatusTooManyRequests, said.has(codeThrottled):
		return throttled(r, said)
	case r.challenged, r.status == http.StatusForbidden && !said.spoken:
		return fault.New(fault.Upstream, fault.ReasonUpstreamBlocked,
			"Something before Cloudflare's API refused Storekeeper's request; it is not the caller's doing.")
	case r.status == http.StatusUnauthorized, r.status == http.StatusForbidden, said.has(credentialCodes...),
		x.name == opVerifyToken && said.has(codeInvalidToken):
		return credentialRefused()
	}
	return x.byWords(r, said)
}

func credentialRefused() *fault.Error {
	return fault.New(fault.Upstream, fault.ReasonUpstreamCredentialRefused,
		"Cloudflare refused Storekeeper's own credential for the account; it is not the caller's doing.")
}

// byWords finds what the caller's request ran into.
func (x *exchange) byWords(r reply, said refusal) *fault.Error {
	for _, it := range said.errors.first(maxItems) {
		if f := x.known(it); f != nil {
			return f
		}
	}
	switch {
	case r.status == http.StatusConflict && x.name == opDeleteStore:
		// The contract gives this status to one thing, and not its word.
		return verdicts["store_not_empty"].fault("store_not_empty")
	case r.status == http.StatusBadRequest || r.status < http.StatusMultipleChoices:
		if f := x.input(said); f != nil {
			return f
		}
	}
	if said.whole && r.status == http.StatusNotFound && said.has(codeGeneric) {
		if f := x.missing(); f != nil {
			return f
		}
	}
	return fault.New(fault.Upstream, fault.ReasonUpstreamRequestRefused,
		"Cloudflare refused Storekeeper's request for a reason that is not the caller's doing.")
}

// missing makes the fault of a generic 404. It is nil for an operation that
// names no object.
func (x *exchange) missing() *fault.Error {
	switch x.name {
	case opGetSecret, opUpdateSecret, opDeleteSecret, opDeleteSecrets, opDuplicateSecret:
		return noSecret()
	case opGetStore, opDeleteStore, opListSecrets, opCreateSecrets:
		return noStore()
	}
	return nil
}

// outage makes a fault of an answer that says nothing but that Cloudflare is in
// trouble. A change may have been made nevertheless.
func (x *exchange) outage(r reply) *fault.Error {
	if x.changes() {
		return lost(fault.Unavailable)
	}
	f := fault.New(fault.Unavailable, fault.ReasonUpstreamUnavailable, "Cloudflare is in trouble at the moment.")
	f.RetryAfter = max(r.wait(), soon)
	return f
}

// throttled makes a fault of a spent budget. Without Retry-After the wait is
// that of the budget, which blocks for five minutes, or of the limit per
// second, which frees itself quickly.
func throttled(r reply, said refusal) *fault.Error {
	f := fault.New(fault.Throttled, fault.ReasonUpstreamThrottled, "Cloudflare takes no more calls for the account at the moment.")
	f.RetryAfter = r.wait()
	if f.RetryAfter == 0 {
		f.RetryAfter = shortBlock
		if said.has(codeThrottled) {
			f.RetryAfter = budgetBlock
		}
	}
	return f
}

func deref(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}
