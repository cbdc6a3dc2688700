package audit

import (
	"bytes"
	"slices"
)

// Facts are the parts of a line that an index needs.
type Facts struct {
	Kind RecordKind
	// ID links the intent of a change with its outcome.
	ID string
	// Keys are those of AppendKeys. The next call of Read overwrites them.
	Keys []Key
}

// Read parses a line without its line feed. It takes a fifth of the time of ParseLine, because it
// skips other fields. It returns false if the line has another form.
func (f *Facts) Read(line []byte) bool {
	f.Kind, f.ID, f.Keys = "", "", append(f.Keys[:0], KeyOf(KeyAll, ""))
	if len(line) < tailBytes {
		return false
	}
	c := cursor{rest: line[:len(line)-tailBytes]}
	c.must(`{"seq":`)
	c.number()
	for !c.wrong && len(c.rest) > 0 {
		switch key := c.anyKey(); string(key) {
		case "kind":
			switch kind := c.raw(); string(kind) {
			case string(KindIntent):
				f.Kind = KindIntent
			case string(KindOutcome):
				f.Kind = KindOutcome
			default:
				f.Kind = RecordKind(kind)
				return !c.wrong
			}
		case "id":
			f.ID = c.text()
		case "caller":
			f.add(KeyCaller, c.raw())
		case "tenant", "tenant_id":
			f.add(KeyTenant, c.raw())
		case "store_id", "store_name":
			f.add(KeyStore, c.raw())
		case "secrets":
			c.list(func() { f.secret(&c) })
		case "decision", "outcome", "prev":
			return !c.wrong // all facts precede this field
		default:
			c.skip()
		}
	}
	return !c.wrong
}

func (f *Facts) add(kind KeyKind, text []byte) {
	if len(text) == 0 {
		return
	}
	if k := keyOf(kind, text); !slices.Contains(f.Keys, k) {
		f.Keys = append(f.Keys, k)
	}
}

func (f *Facts) secret(c *cursor) {
	c.must(`{"id":`)
	f.add(KeySecret, c.raw())
	for !c.wrong && !c.take("}") {
		if key := c.anyKey(); string(key) == "name" {
			f.add(KeySecret, c.raw())
			continue
		}
		c.skip()
	}
}

// anyKey consumes a key and returns it.
func (c *cursor) anyKey() []byte {
	c.must(`,"`)
	end := bytes.IndexByte(c.rest, '"')
	if c.wrong || end < 0 || end+1 >= len(c.rest) || c.rest[end+1] != ':' {
		c.wrong = true
		return nil
	}
	key := c.rest[:end]
	c.rest = c.rest[end+2:]
	return key
}

// raw is text without a copy.
func (c *cursor) raw() []byte {
	if c.wrong || len(c.rest) == 0 || c.rest[0] != '"' {
		c.wrong = true
		return nil
	}
	if end := bytes.IndexByte(c.rest[1:], '"'); end >= 0 && bytes.IndexByte(c.rest[1:end+1], '\\') < 0 {
		text := c.rest[1 : end+1]
		c.rest = c.rest[end+2:]
		return text
	}
	return []byte(c.text())
}

// skip consumes a value: a text, a number, a boolean, an array or an object.
func (c *cursor) skip() {
	depth := 0
	for !c.wrong && len(c.rest) > 0 {
		switch c.rest[0] {
		case '"':
			c.raw()
		case '[', '{':
			depth++
			c.rest = c.rest[1:]
		case ']', '}':
			depth--
			c.rest = c.rest[1:]
		default:
			c.rest = c.rest[1:]
		}
		if depth == 0 && (len(c.rest) == 0 || c.rest[0] == ',' || c.rest[0] == '}') {
			return
		}
	}
}
