package idempotency

import "time"

// EventKind says what happened.
type EventKind string

// What can happen. The words serve as labels of metrics.
const (
	// EventBegan is a change whose intent was kept.
	EventBegan EventKind = "began"
	// EventFinished is a change whose answer was kept.
	EventFinished EventKind = "finished"
	// EventAbandoned is a change that was not made and of which nothing is
	// kept.
	EventAbandoned EventKind = "abandoned"
	// EventReplayed is a call that got a kept answer.
	EventReplayed EventKind = "replayed"
	// EventJoined is a call that waits for another's change.
	EventJoined EventKind = "joined"
	// EventRefused is a key that came with another request.
	EventRefused EventKind = "refused"
	// EventUnsettled is a change of this life whose end is not known.
	EventUnsettled EventKind = "unsettled"
	// EventTaken is an intent of a former owner that was taken over.
	EventTaken EventKind = "taken"
	// EventRecovered is an intent whose end was found out. Its error is the
	// refusal that this was, if it was one.
	EventRecovered EventKind = "recovered"
	// EventUndone is an intent of which nothing was done, as was found out.
	EventUndone EventKind = "undone"
	// EventUnproven is an intent that was closed although nobody can find out
	// whether the change was made.
	EventUnproven EventKind = "unproven"
	// EventRecoveryFailed is a try to find it out that failed.
	EventRecoveryFailed EventKind = "recovery_failed"
	// EventUnrecorded is an outcome that could not be kept yet.
	EventUnrecorded EventKind = "unrecorded"
	// EventDropped is an outcome that came after another replica took over.
	EventDropped EventKind = "dropped"
	// EventPanicked is a change that panicked.
	EventPanicked EventKind = "panicked"
	// EventLapsed is a heartbeat of this replica that ran out.
	EventLapsed EventKind = "lapsed"
	// EventScanFailed is a search for orphans that failed.
	EventScanFailed EventKind = "scan_failed"
)

// Event is something that happened. It holds no keys and no values.
type Event struct {
	// Kind says what.
	Kind EventKind
	// ID is that of the intent, where there is one.
	ID string
	// Method, Caller and Tenant are those of the call or intent, where known.
	Method, Caller, Tenant string
	// Age is the time since the change began, where it did.
	Age time.Duration
	// Err is what went wrong, for the operator. Of EventUnproven it is the error
	// of Recover.
	Err error
	// Intent and Body are the intent and the answer of a change that recovery
	// has ended: EventRecovered, EventUndone and EventUnproven. Nil otherwise.
	Intent *Intent
	Body   []byte
}

func (k *Coordinator) observe(e Event) {
	if k.config.Observe != nil {
		k.config.Observe(e)
	}
}

// about makes an event of an intent.
func about(kind EventKind, i *Intent, err error) Event {
	return Event{Kind: kind, ID: i.ID, Method: i.Method, Caller: i.Caller, Tenant: i.Tenant, Age: time.Since(i.Began), Err: err}
}
