package settle

import (
	"context"
	"strconv"
	"time"

	"platform.internal/storekeeper/internal/upstream"
)

// trial is one change while it is being made.
type trial struct {
	*Settler

	operation Operation
	name      string // of the method
	account   string
	began     time.Time

	looks, sends int
}

// begin starts a change. The context that it gives says whose it is.
func (s *Settler) begin(ctx context.Context, name, account string) (context.Context, *trial) {
	t := &trial{Settler: s, operation: operationFrom(ctx), name: name, account: account, began: s.clock()}
	if t.operation.Baseline.Since.IsZero() {
		t.operation.Baseline.Since = t.began.Add(s.ahead(account))
	}
	identity := t.operation.ID
	if identity == "" {
		identity = "#" + strconv.FormatUint(s.calls.Add(1), 10)
	}
	return context.WithValue(ctx, identityKey{}, identity), t
}

func (t *trial) held() bool { return t.operation.Held == nil || t.operation.Held() }

// send makes one attempt to send something, unless the change is not this
// call's any more.
func send[A any](ctx context.Context, t *trial, by func(context.Context) (A, error)) (A, error) {
	if !t.held() {
		var none A
		return none, errNotHeld
	}
	ctx = context.WithValue(ctx, resentKey{}, t.sends)
	t.sends++
	ctx, cancel := context.WithTimeout(ctx, t.attempt)
	defer cancel()
	return by(ctx)
}

// notBefore is when a listing must have been read at the earliest.
func (t *trial) notBefore() time.Time {
	if o := t.operation; o.InspectOnly && !o.NotBefore.IsZero() {
		return o.NotBefore
	}
	return t.clock()
}

// secrets lists a store as it is now, by name. A store that is not there holds
// nothing: what is sent to it will be told so.
func (t *trial) secrets(ctx context.Context, storeID string) (map[string]upstream.Secret, error) {
	t.looks++
	ctx, cancel := context.WithTimeout(ctx, t.attempt)
	defer cancel()
	listed, err := t.library.Secrets(ctx, t.account, storeID, t.notBefore())
	if err != nil && !isNotFound(err) {
		return nil, err
	}
	named := make(map[string]upstream.Secret, len(listed))
	for _, secret := range listed {
		named[secret.Name] = secret
	}
	return named, nil
}

// stores lists the stores as they are now.
func (t *trial) stores(ctx context.Context) ([]upstream.Store, error) {
	t.looks++
	ctx, cancel := context.WithTimeout(ctx, t.attempt)
	defer cancel()
	return t.library.Stores(ctx, t.account, t.notBefore())
}

// mine takes objects for this change and says which of them are its own.
func (t *trial) mine(ctx context.Context, ids []string) (map[string]bool, error) {
	mine := make(map[string]bool, len(ids))
	if len(ids) == 0 {
		return mine, nil
	}
	others, err := t.claims.Claim(ctx, t.account, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		mine[id] = true
	}
	for _, id := range others {
		delete(mine, id)
	}
	return mine, nil
}
