package server

import (
	"fmt"
	"strconv"
	"strings"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/telemetry"
)

// mostNamed is how many refused secrets a denial names.
const mostNamed = 10

// mostQuoted is how many bytes of a name a denial repeats. All of a denial has
// to fit into the header of an answer, several times over.
const mostQuoted = 128

// denialCode is Cloudflare's number for "Unauthorized to access requested
// resource".
const denialCode = 9109

// denial refuses the call. It says which rule would be needed, and not which
// rules there are.
func (j *judgement) denial(refused []*object) error {
	id := telemetry.NewRequestID()
	j.trail.denied(id)
	what := make([]string, 0, mostNamed)
	for _, o := range refused {
		if len(what) == mostNamed {
			what = append(what, fmt.Sprintf("and %d more", len(refused)-mostNamed))
			break
		}
		what = append(what, j.describe(o))
	}
	text := fmt.Sprintf("Caller %q needs a rule that allows %s. Decision %s.", j.caller.Name, strings.Join(what, ", "), id)
	f := fault.New(fault.Denied, "NOT_ALLOWED", text)
	// Over REST the error has Cloudflare's fixed text, so the sentence goes
	// beside it. Cloudflare's contract has no notice without a number.
	f.Notices = []fault.Notice{{Code: denialCode, Text: text}}
	return f
}

// describe says what was refused in the caller's own words. A name that the
// caller did not send is told only where the caller may see its object; the
// audit record has it in any case.
func (j *judgement) describe(o *object) string {
	text := o.action
	switch {
	case o.id != "":
		text += " on secret " + quoted(j.known("secret.get", o.name, o.id))
	case o.name != nil && *o.name != "":
		text += " on secret " + quoted(*o.name)
	}
	switch {
	case j.target.StoreName != "":
		text += " in store " + quoted(j.target.StoreName)
	case j.target.StoreID != "":
		text += " in store " + quoted(j.known("store.get", new(string), j.target.StoreID))
	}
	if j.target.Account == "" {
		return text
	}
	return text + " of account " + quoted(j.target.Account)
}

// known gives the name of an object where the caller may see it, and otherwise
// the identifier that the caller sent. secret is the name of the secret, "" for
// the store.
func (j *judgement) known(seeing string, secret *string, id string) string {
	q := j.question(seeing)
	q.Secret = secret
	switch {
	case secret == nil || j.store == nil || !j.rights.Rules.Decide(q).Allowed:
		return id
	case *secret != "":
		return *secret
	}
	return *j.store
}

// quoted bounds a text that the caller chose: it was not validated yet.
func quoted(text string) string {
	if len(text) > mostQuoted {
		text = strings.ToValidUTF8(text[:mostQuoted], "") + "..."
	}
	return strconv.Quote(text)
}
