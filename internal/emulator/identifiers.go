package emulator

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// identifierLength is the number of hexadecimal digits of an identifier.
const identifierLength = 32

// isIdentifier reports whether s has the format of Cloudflare's identifiers.
func isIdentifier(s string) bool {
	return len(s) == identifierLength && strings.Trim(s, hexDigits) == ""
}

// newIdentifier returns a random UUID of version 4 without dashes.
func newIdentifier() string {
	var id [identifierLength / 2]byte
	// Read never fails: without randomness it ends the program.
	_, _ = rand.Read(id[:])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return hex.EncodeToString(id[:])
}

// readIdentifiers reads the body of a bulk deletion: {"ids":["..."]}, or
// [{"id":"..."}] of older clients. An empty body never means all.
func readIdentifiers(body []byte, found *problems) []string {
	v, ok := decode(body, found)
	if !ok {
		return nil
	}
	switch v := v.(type) {
	case jsonObject:
		return listedIdentifiers(v["ids"], fieldPath{}.field("ids"), found)
	case []any:
		return wrappedIdentifiers(v, found)
	default:
		found.add(badJSON, wholeBody(), "must be an object")
		return nil
	}
}

func listedIdentifiers(v any, at fieldPath, found *problems) []string {
	if v == nil {
		v = []any{}
	}
	items, ok := v.([]any)
	if !ok {
		found.add(badJSON, at, "must be an array")
		return nil
	}
	if !countItems(len(items), at, found) {
		return nil
	}
	ids := make([]string, 0, len(items))
	for i, item := range items {
		id, ok := item.(string)
		if !ok {
			found.add(badJSON, at.item(i), "must be a string")
		}
		ids = append(ids, id)
	}
	return ids
}

func wrappedIdentifiers(items []any, found *problems) []string {
	if !countItems(len(items), wholeBody(), found) {
		return nil
	}
	ids := make([]string, 0, len(items))
	for i, item := range items {
		at := fieldPath{}.item(i)
		o, ok := itemObject(item, at, found)
		if !ok {
			continue
		}
		id, ok := text(o["id"], at.field("id"), found)
		if ok && id == "" {
			found.add(badJSON, at.field("id"), "must not be empty")
		}
		ids = append(ids, id)
	}
	return ids
}
