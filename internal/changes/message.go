package changes

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/history"
)

// Message converts a change for a caller that may see all of it.
func Message(c *history.Change) *storekeeperv1.Change {
	r := &c.Record
	out := &storekeeperv1.Change{
		Id: r.ID, BeginTime: timestamp(c.Begun), EndTime: timestamp(c.Ended),
		Outcome: string(r.Outcome), Reason: r.Reason, Code: r.Code, Recovered: c.Recovered,
		By: &storekeeperv1.Changer{
			Caller: r.Caller, Tenant: r.Tenant, Credential: r.Credential,
			Issuer: r.Issuer, Subject: r.Subject, RunId: r.RunID, Peer: r.Peer,
		},
		Action: r.Action, Method: r.Method, Account: r.Account, Store: object(r.Store.ID, r.Store.Name),
		SecretCount: int32(min(r.SecretCount, 1<<31-1)), Changed: r.Changed, Rule: r.Decision.Rule, //nolint:gosec // It is bounded.
		RequestId: r.RequestID, Protocol: r.Protocol,
		IntentSeq: int64(c.IntentSeq), OutcomeSeq: int64(c.OutcomeSeq), //nolint:gosec // Records are counted from 1.
	}
	for _, s := range r.Secrets {
		out.Secrets = append(out.Secrets, object(s.ID, s.Name))
	}
	return out
}

// message converts a change for a caller with limited sight. It omits sequence numbers, because they reveal
// how much all tenants change.
func (s *sight) message(c *history.Change) *storekeeperv1.Change {
	out := Message(c)
	if out.GetStore() != nil {
		out.Store.Name = s.store(&c.Record)
	}
	if !s.all {
		out.IntentSeq, out.OutcomeSeq = 0, 0
	}
	if s.limited[c.Record.ID] {
		out.RequestId, out.Protocol, out.SecretCount, out.Rule = "", "", int32(len(out.GetSecrets())), "" //nolint:gosec // At most 100.
		out.By = &storekeeperv1.Changer{Caller: c.Record.Caller, Tenant: c.Record.Tenant, Credential: c.Record.Credential}
	}
	return out
}

func object(id, name string) *storekeeperv1.ChangedObject {
	if (audit.Store{ID: id, Name: name}) == (audit.Store{}) {
		return nil
	}
	return &storekeeperv1.ChangedObject{Id: id, Name: name}
}

// timestamp returns nil for the zero time.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
