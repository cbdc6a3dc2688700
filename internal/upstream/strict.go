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
func inspect(body []byte) (outline, bool) {
	w := walker{body: body}
	w.keys, w.open = w.keyRoom[:0], w.openRoom[:0]
	sound := utf8.Valid(body) && w.walk()
	return w.outline, sound
}

// walker scans JSON in one pass.
type walker struct {
	body []byte
	// keys are the keys of the open objects, the innermost last.
	keys    [][]byte
	open    []unclosed
	outline outline
	// keyRoom and openRoom are sufficient for most responses.
	keyRoom  [16][]byte
	openRoom [8]unclosed
}

// unclosed is an object or array that has not ended yet.
type unclosed struct {
	// first is the index of the object's first key in keys, or -1 for an array.
	first int
	// wantsKey reports that the next string is a key.
	wantsKey bool
}

func (w *walker) walk() bool {
	for i := 0; i < len(w.body); i++ {
		switch w.body[i] {
		case '{':
			w.open = append(w.open, unclosed{first: len(w.keys), wantsKey: true})
		case '[':
			w.open = append(w.open, unclosed{first: -1})
		case '}', ']':
			w.end()
		case ',':
			if n := len(w.open); n > 0 {
				w.open[n-1].wantsKey = w.open[n-1].first >= 0
			}
		case '"':
			end := stringEnd(w.body, i)
			if !w.text(i, end) {
				return false
			}
			i = end
		}
		if len(w.open) > maxDepth {
			return false
		}
	}
	return true
}

func (w *walker) end() {
	last := len(w.open) - 1
	if last < 0 {
		return
	}
	if first := w.open[last].first; first >= 0 {
		w.keys = w.keys[:first]
	}
	w.open = w.open[:last]
}

// text records a string if it is a key. It returns false if the key is not permitted.
func (w *walker) text(from, to int) bool {
	depth := len(w.open)
	if depth == 0 || !w.open[depth-1].wantsKey {
		return true
	}
	at := &w.open[depth-1]
	at.wantsKey = false
	key := unquoted(w.body[from : to+1])
	if !isPlainKey(key) {
		folded := strings.ToLower(strings.ToUpper(string(key)))
		if folded != string(key) && slices.Contains(fieldNames, folded) {
			return false
		}
	}
	before := w.keys[at.first:]
	if len(before) == maxKeys || slices.ContainsFunc(before, func(k []byte) bool { return bytes.Equal(k, key) }) {
		return false
	}
	w.keys = append(w.keys, key)
	if depth == 1 {
		w.outline.note(key, w.body[to+1:])
	}
	return true
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
