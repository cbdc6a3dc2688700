package server

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/telemetry"
)

// maxNamed is the number of refused secrets that a denial names.
const maxNamed = 10

// maxQuoted is the number of bytes of a name that a denial repeats. The whole
// denial must fit into the header of an answer, several times over.
const maxQuoted = 128

// denialCode is Cloudflare's number for "Unauthorized to access requested
// resource".
const denialCode = 9109

// denial returns the fault of a refused call. It names the kind of rule that would allow the call,
// but no existing rule.
func (j *authorization) denial(refused []*callObject) error {
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
	f := fault.New(fault.Denied, fault.ReasonNotAllowed, text)
	// Over REST the error has Cloudflare's fixed text, so the sentence is sent
	// as a message beside it. In Cloudflare's contract every message has a
	// code.
	f.Notices = []fault.Notice{{Code: denialCode, Text: text}}
	f.Facts = j.facts(refused[0])
	f.Facts["decision"] = id
	return f
}

// facts describes a refused object as the caller named the object, in the fields of a check of
// SelfService.TestPermissions. If the caller named a secret by name, facts omits the identifier.
func (j *authorization) facts(o *callObject) map[string]string {
	secret := o.id
	if _, given := j.audit.given[o.id]; given {
		secret = ""
	}
	if secret == "" && o.name != nil {
		secret = *o.name
	}
	facts := map[string]string{"action": o.action}
	for key, value := range map[string]string{
		"account": j.target.Account, "secret": secret,
		"store": cmp.Or(j.target.StoreName, j.target.InStore, j.audit.given[""], j.target.StoreID),
	} {
		if value != "" {
			facts[key] = strings.ToValidUTF8(value[:min(len(value), maxQuoted)], "")
		}
	}
	return facts
}

// describe names a refused object in the terms of the request. A name that the caller did not send
// is included only if the caller may see the object. The audit record always has the name.
func (j *authorization) describe(o *callObject) string {
	text := o.action
	if o.or != "" {
		text += " or " + o.or
	}
	_, given := j.audit.given[o.id]
	switch {
	case o.id != "" && !given:
		text += " on secret " + quoted(j.visibleName("secret.get", o.name, o.id))
	case o.name != nil && *o.name != "":
		text += " on secret " + quoted(*o.name)
	}
	switch {
	case cmp.Or(j.target.StoreName, j.target.InStore, j.audit.given[""]) != "":
		text += " in store " + quoted(cmp.Or(j.target.StoreName, j.target.InStore, j.audit.given[""]))
	case j.target.StoreID != "":
		text += " in store " + quoted(j.visibleName("store.get", new(string), j.target.StoreID))
	}
	if j.target.Account == "" {
		return text
	}
	return text + " of account " + quoted(j.target.Account)
}

// visibleName returns the name of an object if the caller may see the object,
// and the identifier that the caller sent otherwise. secret points to the name
// of the secret, or to "" for the store.
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

// quoted quotes and shortens a text that the caller chose and that was not
// validated.
func quoted(text string) string {
	if len(text) > maxQuoted {
		text = strings.ToValidUTF8(text[:maxQuoted], "") + "..."
	}
	return strconv.Quote(text)
}
