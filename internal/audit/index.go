package audit

import (
	"errors"
	"slices"
)

// ErrIndexing is in the error of an index of the trail that has not all lines yet.
var ErrIndexing = errors.New("the index of the audit trail is being built")

// Key is what changes are found by in an index of the trail: a digest of a kind and
// a text. Two texts may have the same key, so whoever reads the lines compares them.
type Key uint64

// KeyKind is a kind of key.
type KeyKind byte

// The kinds of key. A tenant, a store and a secret have a key for the name and one for
// the identifier.
const (
	KeyAll    KeyKind = 'a'
	KeySecret KeyKind = 's'
	KeyStore  KeyKind = 'b'
	KeyTenant KeyKind = 't'
	KeyCaller KeyKind = 'c'
)

// KeyOf is the key of a text. That of KeyAll has no text, and each change has it.
// The form is fixed: indexes are kept.
func KeyOf(kind KeyKind, text string) Key { return keyOf(kind, text) }

func keyOf[T string | []byte](kind KeyKind, text T) Key {
	// FNV-1a, and the finalizer of MurmurHash3, so that all bits are even.
	h := uint64(14695981039346656037)
	h = (h ^ uint64(kind)) * 1099511628211
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return Key(h ^ h>>33)
}

// AppendKeys appends the keys by which a record is found, each once.
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

// Location is where a line of the trail is. The zero Location is that of no line.
type Location struct {
	// Seq is the number of the record.
	Seq uint64
	// Offset is the first byte of the line in its file. 0 in a database.
	Offset int64
}

// Row is a change in an index of the trail.
type Row struct {
	// Position is the place of the row among all rows of its key: the number of the
	// intent, or that of the outcome where the outcome alone has the key, as it
	// alone has the identifiers that Cloudflare gave.
	Position uint64
	// Intent and Outcome are the records of the change. There is no outcome while the
	// change is open. An outcome without an intent stands in both places.
	Intent, Outcome Location
}
