package server

import (
	"fmt"
	"strings"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/telemetry"
)

// mostNamed is how many refused secrets a denial names.
const mostNamed = 10

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
	// beside it.
	f.Notices = []fault.Notice{{Text: text}}
	return f
}

func (j *judgement) describe(o *object) string {
	text := o.action
	if o.name != nil && *o.name != "" {
		text += fmt.Sprintf(" on secret %q", *o.name)
	}
	if j.store != nil && *j.store != "" {
		text += fmt.Sprintf(" in store %q", *j.store)
	}
	return text + fmt.Sprintf(" of account %q", j.account)
}
