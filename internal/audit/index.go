package audit

import (
	"errors"
	"slices"
)

// ErrIndexing is in the error of a trail index that does not cover all lines yet.
var ErrIndexing = errors.New("the index of the audit trail is being built")

// ErrDamaged is in the error of a reader that left out parts of a trail, because they are no records.
var ErrDamaged = errors.New("parts of the audit trail are no records and were left out")

// Key is the key of changes in a trail index: a digest of a kind and a text. Two texts may have the
// same key, so readers must compare the texts of the lines.
type Key uint64

// KeyKind is the kind of a Key.
type KeyKind byte

// The kinds of key. A tenant, a store and a secret each have a key for the name and a key for the
// identifier.
const (
	KeyAll    KeyKind = 'a'
	KeySecret KeyKind = 's'
	KeyStore  KeyKind = 'b'
	KeyTenant KeyKind = 't'
	KeyCaller KeyKind = 'c'
)

// KeyOf returns the key of a text. KeyAll has no text, and every change has that key. The digest
// must not change, because indexes are stored.
func KeyOf(kind KeyKind, text string) Key { return keyOf(kind, text) }

func keyOf[T string | []byte](kind KeyKind, text T) Key {
	// FNV-1a with the finalizer of MurmurHash3, so that all bits are evenly distributed.
	h := uint64(14695981039346656037)
	h = (h ^ uint64(kind)) * 1099511628211
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return Key(h ^ h>>33)
}

// AppendKeys appends the keys of a record without duplicates.
func AppendKeys(keys []Key, r *Record) []Key {
	start := len(keys)
	add := func(kind KeyKind, text string) {
		if text == "" {
			return
		}
		if k := KeyOf(kind, text); !slices.Contains(keys[start:], k) {
			keys = append(keys, k)
		}
	}
	keys = append(keys, KeyOf(KeyAll, ""))
	add(KeyCaller, r.Caller)
	add(KeyTenant, r.Tenant)
	add(KeyTenant, r.TenantID)
	add(KeyStore, r.Store.ID)
	add(KeyStore, r.Store.Name)
	for _, s := range r.Secrets {
		add(KeySecret, s.ID)
		add(KeySecret, s.Name)
	}
	return keys
}

// Location is the location of a line in the trail. The zero Location means no line.
type Location struct {
	// Seq is the number of the record.
	Seq uint64
	// Offset is the offset of the line in its file in bytes. 0 in a database.
	Offset int64
}

// Row is a change in an index of the trail.
type Row struct {
	// Position orders the rows of a key: the number of the intent, or the number of the outcome if
	// only the outcome has the key. For example, only the outcome has identifiers that Cloudflare
	// assigned.
	Position uint64
	// Intent and Outcome are the records of the change. Outcome is zero while the change is open.
	// For an outcome without an intent, both are the location of the outcome.
	Intent, Outcome Location
}
