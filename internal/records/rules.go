package records

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// MaxKey is how many bytes a key may have.
const MaxKey = 1024

// MaxValue is how many bytes a value may have.
const MaxValue = 64 << 20

// ErrClosed is the private cause of a fault where the store was closed before.
var ErrClosed = errors.New("the store of records is closed")

// Unavailable is the fault of a store that fails. What was asked of it may have
// happened or not.
func Unavailable(cause error) *fault.Error {
	f := fault.New(fault.Unavailable, fault.ReasonStateUnavailable,
		"Storekeeper cannot reach its own records now; repeat the call in a moment.")
	f.RetryAfter = time.Second
	return f.Because(cause)
}

// Damaged is the fault of a record that is not what was written. It is never
// served, and asking again gives the same.
func Damaged(cause error) *fault.Error {
	return fault.New(fault.Internal, fault.ReasonStateDamaged,
		"Storekeeper's record for this call is damaged, so the call can be neither answered nor made. Its operator has to restore the state.").Because(cause)
}

// CheckKeys refuses keys that not every store can keep. Such a key is a mistake
// of the caller in this program, so the fault is Internal.
func CheckKeys(keys []string) error {
	for _, key := range keys {
		if key == "" || len(key) > MaxKey {
			return misuse("a key of %d bytes; it must have 1 to %d", len(key), MaxKey)
		}
	}
	return nil
}

// CheckChanges refuses changes to records that are not at keys, and values that
// are too large.
func CheckChanges(keys []string, changes map[string]*Entry) error {
	named := nameSet(keys)
	for key, e := range changes {
		if !named.has(key, keys) {
			return misuse("a change of %q, which is not among its keys", key)
		}
		if e != nil && len(e.Value) > MaxValue {
			return misuse("a value of %d bytes at %q; it may have %d", len(e.Value), key, MaxValue)
		}
	}
	return nil
}

// manyKeys is from how many keys on looking each up costs less than comparing
// all.
const manyKeys = 16

// names are some keys, nil where they are few.
type names map[string]struct{}

func nameSet(keys []string) names {
	if len(keys) < manyKeys {
		return nil
	}
	set := make(names, len(keys))
	for _, key := range keys {
		set[key] = struct{}{}
	}
	return set
}

func (n names) has(key string, keys []string) bool {
	if n == nil {
		return slices.Contains(keys, key)
	}
	_, ok := n[key]
	return ok
}

// Until is when a record ends, in milliseconds since 1970, as stores keep it:
// 0 for a record without an end, and never earlier than t.
func Until(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	ms := t.UnixMilli()
	if time.UnixMilli(ms).Before(t) {
		ms++
	}
	return max(ms, 1)
}

// End is the time that Until wrote.
func End(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func misuse(format string, args ...any) error {
	return fault.From(fmt.Errorf("records: "+format, args...))
}
