package idempotency

import (
	"bytes"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/store"
)

// objectEntry is the record of an object. It locks the object for an intent, and
// it remembers the last change of the object for as long as an answer to a call
// without a key is kept, so that an older answer is not given any more.
type objectEntry struct {
	// holder is the intent that has locked the object, "" if none has.
	holder string
	// last is the intent that changed the object last, "" if it is not known.
	last string
}

// readObject reads the record of an object. An intent's identifier holds no
// space.
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

// locked is the record of an object that an intent locks.
func (o objectEntry) locked(id string) *store.Record {
	o.holder = id
	return &store.Record{Value: o.text()}
}

// unlocked is the record of an object whose lock ends, nil where there is
// nothing to remember.
func (o objectEntry) unlocked(remember time.Duration) *store.Record {
	o.holder = ""
	if o.last == "" {
		return nil
	}
	return &store.Record{Value: o.text(), Expires: time.Now().Add(remember)}
}

// taken says whether one of the objects is locked by another intent than id.
func taken(now map[string]store.Record, objectKeys []string, id string) bool {
	return slices.ContainsFunc(objectKeys, func(key string) bool {
		holder := readObject(now[key].Value).holder
		return holder != "" && holder != id
	})
}

// outdated says whether another change has changed one of the objects after
// the intent id. Objects that contain others are never changed twice: the change
// that deletes one is its last.
func outdated(now map[string]store.Record, objectKeys []string, id string) bool {
	return slices.ContainsFunc(objectKeys, func(key string) bool {
		last := readObject(now[key].Value).last
		return last != "" && last != id
	})
}
