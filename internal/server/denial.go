package server

import (
	"fmt"
	"strconv"
	"strings"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/telemetry"
)

// maxNamed is how many refused secrets a denial names.
const maxNamed = 10

// maxQuoted is how many bytes of a name a denial repeats. All of a denial has
// to fit into the header of an answer, several times over.
const maxQuoted = 128

// denialCode is Cloudflare's number for "Unauthorized to access requested
// resource".
const denialCode = 9109

// denial refuses the call. It says which rule would be needed, and not which
// rules there are.
func (j *authorization) denial(refused []*object) error {
	id := telemetry.NewRequestID()
	j.audit.setDenied(id)
	what := make([]string, 0, maxNamed)
	for _, o := range refused {
		if len(what) == maxNamed {
			what = append(what, fmt.Sprintf("and %d more", len(refused)-maxNamed))
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
func (j *authorization) describe(o *object) string {
	text := o.action
	switch {
	case o.id != "":
		text += " on secret " + quoted(j.visibleName("secret.get", o.name, o.id))
	case o.name != nil && *o.name != "":
		text += " on secret " + quoted(*o.name)
	}
	switch {
	case j.target.StoreName != "":
		text += " in store " + quoted(j.target.StoreName)
	case j.target.StoreID != "":
		text += " in store " + quoted(j.visibleName("store.get", new(string), j.target.StoreID))
	}
	if j.target.Account == "" {
		return text
	}
	return text + " of account " + quoted(j.target.Account)
}

// visibleName gives the name of an object where the caller may see it, and otherwise
// the identifier that the caller sent. secret is the name of the secret, "" for
// the store.
func (j *authorization) visibleName(seeing string, secret *string, id string) string {
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
	if len(text) > maxQuoted {
		text = strings.ToValidUTF8(text[:maxQuoted], "") + "..."
	}
	return strconv.Quote(text)
}
