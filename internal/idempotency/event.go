package idempotency

import "time"

// EventKind is the kind of an Event.
type EventKind string

// The kinds of events. The words are label values of metrics.
const (
	// EventBegan: the intent of a change was committed.
	EventBegan EventKind = "began"
	// EventFinished: the answer of a change was committed.
	EventFinished EventKind = "finished"
	// EventAbandoned: a change was not made, and nothing was recorded.
	EventAbandoned EventKind = "abandoned"
	// EventReplayed: a call got a recorded answer.
	EventReplayed EventKind = "replayed"
	// EventJoined: a call waits for the change of another call.
	EventJoined EventKind = "joined"
	// EventRefused: a key was used with another request.
	EventRefused EventKind = "refused"
	// EventUnsettled: this process does not know whether its change took effect.
	EventUnsettled EventKind = "unsettled"
	// EventTaken: this replica took over an intent of another owner.
	EventTaken EventKind = "taken"
	// EventRecovered: recovery determined the outcome of a change. Err is set if Cloudflare refused the
	// change.
	EventRecovered EventKind = "recovered"
	// EventUndone: recovery found that the change was not made.
	EventUndone EventKind = "undone"
	// EventUnproven: recovery closed an intent without knowing whether the change was made.
	EventUnproven EventKind = "unproven"
	// EventRecoveryFailed: an attempt of recovery failed.
	EventRecoveryFailed EventKind = "recovery_failed"
	// EventUnrecorded: an outcome could not be committed yet.
	EventUnrecorded EventKind = "unrecorded"
	// EventDropped: an outcome was dropped because another replica had taken over.
	EventDropped EventKind = "dropped"
	// EventPanicked: a change panicked.
	EventPanicked EventKind = "panicked"
	// EventLapsed: the heartbeat of this replica expired.
	EventLapsed EventKind = "lapsed"
	// EventScanFailed: a search for orphans failed.
	EventScanFailed EventKind = "scan_failed"
)

// Event describes an event for logs and metrics. It holds no keys and no secret values.
type Event struct {
	// Kind is the kind of the event.
	Kind EventKind
	// ID is the id of the intent, if there is one.
	ID string
	// Method, Caller and Tenant are those of the call or intent, if known.
	Method, Caller, Tenant string
	// Age is the time since the change began, 0 if the change has not begun.
	Age time.Duration
	// Err is the error, for operators. For EventUnproven it is the error of Recover.
	Err error
	// Intent and Body are the intent and the answer of a change that recovery ended: EventRecovered,
	// EventUndone and EventUnproven. Otherwise nil.
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
