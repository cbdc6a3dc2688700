package store

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// MaxKey is the maximum length of a key in bytes.
const MaxKey = 1024

// MaxValue is the maximum length of a value in bytes.
const MaxValue = 64 << 20

// ErrClosed is the private cause of a fault after Close.
var ErrClosed = errors.New("the store is closed")

// Unavailable is the fault of a store failure. The requested operation may or may not have been
// performed.
func Unavailable(cause error) *fault.Error {
	f := fault.New(fault.Unavailable, fault.ReasonStateUnavailable,
		"Storekeeper cannot reach its own records now; repeat the call in a moment.")
	f.RetryAfter = time.Second
	return f.Because(cause)
}

// Full is the fault of a store that has reached its size limit or has no free space. Nothing was
// changed.
func Full(cause error) *fault.Error {
	f := fault.New(fault.Unavailable, fault.ReasonStateFull,
		"Storekeeper's own records have reached the size that they may have; repeat the call later.")
	f.RetryAfter = time.Second
	return f.Because(cause)
}

// Damaged is the fault of a record whose stored bytes were altered. Such a record is never served,
// and a retry fails again.
func Damaged(cause error) *fault.Error {
	return fault.New(fault.Internal, fault.ReasonStateDamaged,
		"Storekeeper's record for this call is damaged, so the call can be neither answered nor made. Its operator has to restore the state.").Because(cause)
}

// CheckKeys rejects keys that not every store can keep. Such a key is a bug of the calling code, so
// the fault is Internal.
func CheckKeys(keys []string) error {
	for _, key := range keys {
		if key == "" || len(key) > MaxKey {
			return misuse("a key of %d bytes; it must have 1 to %d", len(key), MaxKey)
		}
	}
	return nil
}

// CheckChanges rejects changes of records outside keys, and values that are too large.
func CheckChanges(keys []string, changes map[string]*Record) error {
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

// manyKeys is the number of keys from which a map lookup costs less than a linear search.
const manyKeys = 16

// names is a set of keys, or nil if there are few keys.
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

// Until encodes an expiry in milliseconds since 1970: 0 for a record without an expiry, and
// otherwise not earlier than t.
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

// End decodes a time that Until encoded.
func End(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func misuse(format string, args ...any) error {
	return fault.From(fmt.Errorf("store: "+format, args...))
}
