package upstream

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// maxKeys is the maximum number of keys per object.
	maxKeys = 256
	// maxDepth is the maximum nesting depth of objects and arrays.
	maxDepth = 64
)

// fieldNames are the keys that this package reads. encoding/json matches keys in any letter case,
// but Cloudflare writes them in lower case.
var fieldNames = []string{
	"result", "success", "errors", "messages", "result_info",
	"code", "message", "documentation_url", "source", "pointer",
	"count", "page", "per_page", "total_count", "total_pages",
	"id", "name", "account_id", "store_id", "created", "modified", "comment", "scopes", "status",
	"secrets", "quota", "usage", "not_before", "expires_on",
}

// outline is the first byte of the value of each member of an envelope. 0 means that the member is
// missing.
type outline struct{ result, errors byte }

// inspect checks valid JSON more strictly. It returns false if the text is not UTF-8, an object has
// a duplicate key or a known key in another letter case, or the nesting is deeper than maxDepth.
func inspect(body []byte) (seen outline, sound bool) {
	// The room suffices for most responses.
	var keyRoom [16][]byte
	var openRoom [8]unclosed
	// keys are the keys of the open objects, the innermost last.
	keys, open := keyRoom[:0], openRoom[:0]
	for i := 0; i < len(body); i++ {
		depth := len(open)
		switch body[i] {
		case '{':
			open = append(open, unclosed{first: len(keys), wantsKey: true})
		case '[':
			open = append(open, unclosed{first: -1})
		case '}', ']':
			if depth > 0 {
				keys, open = open[depth-1].without(keys), open[:depth-1]
			}
		case ',':
			if depth > 0 {
				open[depth-1].wantsKey = open[depth-1].first >= 0
			}
		case '"':
			end := stringEnd(body, i)
			if depth > 0 && open[depth-1].wantsKey {
				open[depth-1].wantsKey = false
				key := unquoted(body[i : end+1])
				if !isPermitted(key, keys[open[depth-1].first:]) {
					return seen, false
				}
				keys = append(keys, key)
				if depth == 1 {
					seen.note(key, body[end+1:])
				}
			}
			i = end
		}
		if len(open) > maxDepth {
			return seen, false
		}
	}
	return seen, utf8.Valid(body)
}

// unclosed is an object or array that has not ended yet.
type unclosed struct {
	// first is the index of the object's first key in the keys of the open objects, or -1 for an array.
	first int
	// wantsKey reports that the next string is a key.
	wantsKey bool
}

// without returns the keys of the open objects without those of u.
func (u unclosed) without(keys [][]byte) [][]byte {
	if u.first < 0 {
		return keys
	}
	return keys[:u.first]
}

// isPermitted reports whether an object may have a key after the keys before.
func isPermitted(key []byte, before [][]byte) bool {
	if !isPlainKey(key) {
		folded := strings.ToLower(strings.ToUpper(string(key)))
		if folded != string(key) && slices.Contains(fieldNames, folded) {
			return false
		}
	}
	return len(before) < maxKeys && !slices.ContainsFunc(before, func(k []byte) bool { return bytes.Equal(k, key) })
}

// isPlainKey reports whether a key has no letter with another case, so that the key can match a
// known key only exactly.
func isPlainKey(key []byte) bool {
	return !bytes.ContainsFunc(key, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') })
}

// note records the first byte of a member's value. rest is the text after the key.
func (o *outline) note(key, rest []byte) {
	value := bytes.TrimLeft(rest, " \t\r\n:")
	if len(value) == 0 {
		return
	}
	switch string(key) {
	case "result":
		o.result = value[0]
	case "errors":
		o.errors = value[0]
	}
}

// stringEnd returns the index of the closing quote of a string.
func stringEnd(body []byte, from int) int {
	for i := from + 1; i < len(body); i++ {
		switch body[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(body) - 1
}

// unquoted returns the text of a JSON string. The result may share memory with the string.
func unquoted(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var text string
	if json.Unmarshal(quoted, &text) != nil {
		return quoted
	}
	return []byte(text)
}
