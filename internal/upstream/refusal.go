package upstream

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"platform.internal/storekeeper/internal/fault"
)

const (
	// codeThrottled is Cloudflare's code for an exhausted rate limit.
	codeThrottled = 971
	// codeInvalidToken is the code of an invalid token at the endpoints that verify tokens. At
	// other endpoints the code has other meanings.
	codeInvalidToken = 1000
	// codeGeneric is the same code. With status 404, Cloudflare sometimes sends this code in place
	// of the word for a missing object.
	codeGeneric = 1000
)

// credentialCodes are Cloudflare's codes for a credential that is malformed, missing, wrong or not
// permitted.
var credentialCodes = []int32{6003, 9106, 9109, 10000}

// refusal is the content of a failure response.
type refusal struct {
	errors, messages items
	// spoken reports that the API itself responded, and not a proxy.
	spoken bool
	// whole reports that the response is a failure envelope of the documented form.
	whole bool
}

// readRefusal decodes the envelope of a failure as far as possible. For a read, the status alone is
// sufficient.
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

// refused makes the fault of a refusal.
func (x *exchange) refused(r reply, said refusal) *fault.Error {
	f := x.classify(r, said)
	if x.changes() && !x.provesNothingDone(r, said) {
		f = doubtful(f)
	}
	f.Ray = r.ray
	if f.Kind != fault.Upstream && f.Kind != fault.Unavailable && f.Reason != fault.ReasonUpstreamAnswerLost {
		f.Notices = told(notices(said.messages, &x.scrub))
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

// errorsOf returns the errors of a refusal. The text after a machine word may name an object of
// another caller, so it is relayed only if the request contains that name.
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
	return notices(shown, &x.scrub)
}

// name sets the word of a fault in the error from which the fault was derived, if the derivation
// used the code or the status.
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

// classify determines the cause of a refusal. Platform failures are checked first, so that no word
// in such a response blames the caller.
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

// byWords classifies a refusal by Cloudflare's error words.
func (x *exchange) byWords(r reply, said refusal) *fault.Error {
	for _, it := range said.errors.first(maxItems) {
		if f := x.known(it); f != nil {
			return f
		}
	}
	switch {
	case r.status == http.StatusConflict && x.name == opDeleteStore:
		// The contract documents this status for a single error, without its word.
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

// missing makes the fault of a generic 404. It returns nil for an operation that names no object.
func (x *exchange) missing() *fault.Error {
	switch x.name {
	case opGetSecret, opUpdateSecret, opDeleteSecret, opDeleteSecrets, opDuplicateSecret:
		return noSecret()
	case opGetStore, opDeleteStore, opListSecrets, opCreateSecrets:
		return noStore()
	}
	return nil
}

// outage makes the fault of a response that only indicates an outage. A change may have been made
// nevertheless.
func (x *exchange) outage(r reply) *fault.Error {
	if x.changes() {
		return lost(fault.Unavailable)
	}
	f := fault.New(fault.Unavailable, fault.ReasonUpstreamUnavailable, "Cloudflare is in trouble at the moment.")
	f.RetryAfter = max(r.wait(), soon)
	return f
}

// throttled makes the fault of an exhausted rate limit. Without Retry-After, the delay is five
// minutes for the API budget, and 10 seconds for the limit per second.
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
