package byname

import (
	"context"
	"errors"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
)

func noSecret() error {
	return fault.New(fault.NotFound, fault.ReasonSecretNotFound, "The store has no secret with this name.")
}

func nameExists() error {
	return fault.New(fault.NameTaken, fault.ReasonSecretNameExists, "The store has a secret with this name already, and if_absent is set.")
}

func modified() error {
	return fault.New(fault.Precondition, fault.ReasonSecretModified, "The secret was changed at another time than expected_modified.")
}

// changing is the fault of a call that others got ahead of.
func changing() *fault.Error {
	f := fault.New(fault.Unavailable, fault.ReasonChangeInProgress, "Other changes of the same secret were made meanwhile; nothing was changed by this call. Repeat it.")
	f.RetryAfter = time.Second
	return f
}

// busy ends a call that others got ahead of too often.
func busy() error { return changing() }

// outdated refuses a change before it is sent, because the state is not the one
// that it was decided on.
func outdated() error { return changing().Because(change.ErrAgain) }

// again turns a refusal that shows that the state is not the one that the change
// was decided on into one after which it is decided on anew. It is not kept as
// the answer of the call.
func again(err error) error {
	f := fault.From(err)
	if f.Kind != fault.NameTaken && f.Kind != fault.NotFound {
		return err
	}
	anew := *f
	anew.Local = true
	return anew.Because(errors.Join(change.ErrAgain, err))
}

// contradicted reports whether Cloudflare refused a change because of its state,
// so that what was seen of it is wrong.
func contradicted(err error) bool {
	kind := fault.From(err).Kind
	return kind == fault.NameTaken || kind == fault.NotFound
}

// The wait before a call decides again after a refusal of Cloudflare, whose list
// may show a change late. It doubles each time.
const (
	firstWait = 10 * time.Millisecond
	longest   = 500 * time.Millisecond
)

// backOff waits before a call that was contradicted by Cloudflare decides again.
// After a change through Storekeeper the state is known, and there is no wait.
func backOff(ctx context.Context, round int, err error) {
	if !contradicted(err) {
		return
	}
	timer := time.NewTimer(min(firstWait<<round, longest))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// noKey refuses an idempotency key of a batch: parts of a batch are changes of
// their own.
func noKey() error {
	return fault.Invalid(fault.Field{
		Path: "idempotency-key", Reason: fault.ReasonIdempotencyKeyInvalid, Text: "must not be sent with PutSecrets; a repeat is safe without a key",
	})
}
