package server

import (
	"errors"
	"testing"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
)

func TestAnOutcomeThatNobodyKnowsIsUnknown(t *testing.T) {
	taken := fault.New(fault.NameTaken, "SECRET_NAME_ALREADY_EXISTS", "")
	gone := fault.New(fault.NotFound, "STORE_NOT_FOUND", "")
	one, batch, wide := auditContext{count: 1}, auditContext{count: 2}, auditContext{forced: true}
	cases := []struct {
		name string
		of   auditContext
		err  error
		want audit.Outcome
	}{
		{"no error", batch, nil, audit.Succeeded},
		{"a refusal of one object", one, taken, audit.Failed},
		{"a refusal of a batch", batch, taken, audit.Unknown},
		{"a refusal of a forced delete", wide, fault.New(fault.LimitReached, "X", ""), audit.Unknown},
		{"a batch for a store that does not exist", batch, gone, audit.Failed},
		{"a batch that never left", batch, fault.New(fault.Unavailable, "UPSTREAM_UNREACHABLE", ""), audit.Failed},
		{"a refusal after an answer that was lost", one, fault.New(fault.NotFound, "SECRET_NOT_FOUND", "").Because(change.ErrSentBefore), audit.Unknown},
		{"an answer that was lost", one, fault.New(fault.Unavailable, fault.ReasonUpstreamAnswerLost, ""), audit.Unknown},
		{"a mistake of our own", one, fault.New(fault.Internal, "INTERNAL", ""), audit.Unknown},
		{"an error that is no fault", one, errors.New("x"), audit.Unknown},
	}
	for _, c := range cases {
		if got := c.of.outcome(c.err); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func TestADenialIsShort(t *testing.T) {
	long := make([]audit.Secret, 100)
	for i := range long {
		long[i].Name = string(make([]byte, 512))
	}
	d := auditContext{count: 100, secrets: long}
	d.shorten()
	if len(d.secrets) != maxNamed || d.count != 100 || len(d.secrets[0].Name) != maxQuoted || d.secrets[0].Name[0] != '?' {
		t.Errorf("%d secrets, the first with a name of %d", len(d.secrets), len(d.secrets[0].Name))
	}
}
