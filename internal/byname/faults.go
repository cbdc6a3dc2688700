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

// changing is the fault of a call that lost the race with other changes.
func changing() *fault.Error {
	f := fault.New(fault.Unavailable, fault.ReasonChangeInProgress, "Other changes of the same secret were made meanwhile; nothing was changed by this call. Repeat it.")
	f.RetryAfter = time.Second
	return f
}

// busy is the fault of a call that lost the race with other changes in every round.
func busy() error { return changing() }

// outdated refuses a change before it is sent, because the state has changed since the decision.
func outdated() error { return changing().Because(change.ErrAgain) }

// again marks a refusal that shows that the decision was based on an outdated state. The call then decides
// again. The refusal is not recorded as the answer of the call.
func again(err error) error {
	f := fault.From(err)
	if f.Kind != fault.NameTaken && f.Kind != fault.NotFound {
		return err
	}
	anew := *f
	anew.Local = true
	return anew.Because(errors.Join(change.ErrAgain, err))
}

// contradicted reports whether Cloudflare's refusal shows that the listing is outdated.
func contradicted(err error) bool {
	kind := fault.From(err).Kind
	return kind == fault.NameTaken || kind == fault.NotFound
}

// The wait before a new decision after a refusal of Cloudflare, whose listing may lag. It doubles each round.
const (
	firstWait = 10 * time.Millisecond
	longest   = 500 * time.Millisecond
)

// backOff waits before a new decision if Cloudflare's refusal contradicts the listing. After a change through
// Storekeeper the state is known, so backOff does not wait.
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

// noKey refuses an idempotency key of a batch, because the parts of a batch are separate changes.
func noKey() error {
	return fault.Invalid(fault.Field{
		Path: "idempotency-key", Reason: fault.ReasonIdempotencyKeyInvalid, Text: "must not be sent with PutSecrets; a repeat is safe without a key",
	})
}
