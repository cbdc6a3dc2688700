package idempotency

import (
	"bytes"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/store"
)

// objectEntry is the record of an object. It locks the object for an intent. It also names the last change of
// the object, for the RetryWindow, so that an older answer to a call without a key is not replayed.
type objectEntry struct {
	// holder is the intent that has locked the object, "" if none has.
	holder string
	// last is the last intent that changed the object, "" if unknown.
	last string
}

// readObject decodes the record of an object. The id of an intent has no space.
func readObject(value []byte) objectEntry {
	holder, last, _ := bytes.Cut(value, []byte(" "))
	return objectEntry{holder: string(holder), last: string(last)}
}

func (o objectEntry) text() []byte {
	if o.last == "" {
		return []byte(o.holder)
	}
	return []byte(o.holder + " " + o.last)
}

// locked returns the record of an object that the intent id locks.
func (o objectEntry) locked(id string) *store.Record {
	o.holder = id
	return &store.Record{Value: o.text()}
}

// unlocked returns the record of an object after the lock ends, nil if the record can be deleted.
func (o objectEntry) unlocked(remember time.Duration) *store.Record {
	o.holder = ""
	if o.last == "" {
		return nil
	}
	return &store.Record{Value: o.text(), Expires: time.Now().Add(remember)}
}

// taken reports whether an intent other than id has locked one of the objects.
func taken(now map[string]store.Record, objectKeys []string, id string) bool {
	return slices.ContainsFunc(objectKeys, func(key string) bool {
		holder := readObject(now[key].Value).holder
		return holder != "" && holder != id
	})
}

// outdated reports whether a later change than id has changed one of the objects. A container is only ever
// changed once, by its deletion.
func outdated(now map[string]store.Record, objectKeys []string, id string) bool {
	return slices.ContainsFunc(objectKeys, func(key string) bool {
		last := readObject(now[key].Value).last
		return last != "" && last != id
	})
}
