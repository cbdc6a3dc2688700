package audit

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// line is a record as stored in a file.
type line struct {
	seq    uint64
	record Record
	origin origin
	prev   [hashBytes]byte
	hash   [hashBytes]byte
}

var errForm = errors.New("not a record in its one form")

// parseLine parses a line without its line feed. It only extracts the values. The caller verifies
// the form: it encodes the record again and compares.
func parseLine(text []byte, l *line) error {
	c := cursor{rest: text}
	*l = line{}
	c.must(`{"seq":`)
	l.seq = c.number()
	c.must(`,`)
	c.body(l)
	c.must(`,"prev":`)
	c.digest(&l.prev)
	c.must(`,"hash":`)
	c.digest(&l.hash)
	c.must(`}`)
	if c.wrong || len(c.rest) > 0 {
		return fmt.Errorf("%w, from byte %d", errForm, len(text)-len(c.rest)+1)
	}
	return nil
}

func (c *cursor) body(l *line) {
	r := &l.record
	c.must(`"time":`)
	// An invalid time stays zero, and the later comparison finds the difference.
	r.Time, _ = time.Parse(stamp, c.text())
	r.Kind = RecordKind(c.field("kind"))
	if l.origin.id = c.field("chain"); l.origin.id != "" {
		c.must(`,"keyed":`)
		l.origin.keyed = c.boolean()
	}
	r.ID = c.field("id")
	r.Caller, r.Tenant, r.TenantID, r.Credential = c.field("caller"), c.field("tenant"), c.field("tenant_id"), c.field("credential")
	r.Issuer, r.Subject, r.JTI, r.RunID = c.field("issuer"), c.field("subject"), c.field("jti"), c.field("run_id")
	r.Method, r.Action, r.Account = c.field("method"), c.field("action"), c.field("account")
	r.Store = Store{ID: c.field("store_id"), Name: c.field("store_name")}
	c.secrets(r)
	r.Changed = c.texts("changed")
	r.Suppressed = c.count("suppressed")
	if c.take(`,"decision":{"allowed":`) {
		r.Decision = Decision{Allowed: c.boolean(), Rule: c.field("rule"), ID: c.field("id")}
		c.must(`}`)
	}
	r.Policy, r.Before, r.After = c.field("policy"), c.field("before"), c.field("after")
	r.Outcome = Outcome(c.field("outcome"))
	r.Reason, r.Code, r.RequestID, r.TraceID = c.field("reason"), c.field("code"), c.field("request_id"), c.field("trace_id")
	r.Rays = c.texts("rays")
	r.Protocol, r.Peer = c.field("protocol"), c.field("peer")
}

func (c *cursor) secrets(r *Record) {
	if c.take(`,"secrets":`) {
		c.list(func() {
			c.must(`{"id":`)
			r.Secrets = append(r.Secrets, Secret{ID: c.text(), Name: c.field("name"), Fingerprint: c.field("fingerprint")})
			c.must(`}`)
		})
	}
	r.SecretCount = c.count("secret_count")
}

// cursor is a parser position in a line. After the first mismatch wrong is set, and every further
// step does nothing.
type cursor struct {
	rest  []byte
	wrong bool
}

// take consumes the literal if the rest begins with it.
func (c *cursor) take(literal string) bool {
	if c.wrong || len(c.rest) < len(literal) || string(c.rest[:len(literal)]) != literal {
		return false
	}
	c.rest = c.rest[len(literal):]
	return true
}

func (c *cursor) must(literal string) {
	if !c.take(literal) {
		c.wrong = true
	}
}

// field reads an optional text.
func (c *cursor) field(key string) string {
	if !c.key(key) {
		return ""
	}
	return c.text()
}

// key consumes the key of an optional field.
func (c *cursor) key(key string) bool {
	n := len(key) + 4
	if c.wrong || len(c.rest) < n || c.rest[0] != ',' || c.rest[1] != '"' || string(c.rest[2:n-2]) != key || c.rest[n-2] != '"' || c.rest[n-1] != ':' {
		return false
	}
	c.rest = c.rest[n:]
	return true
}

// texts reads an optional list of texts.
func (c *cursor) texts(key string) (all []string) {
	if c.key(key) {
		c.list(func() { all = append(all, c.text()) })
	}
	return all
}

// count reads an optional number.
func (c *cursor) count(key string) int {
	if !c.key(key) {
		return 0
	}
	return int(c.number() & (1<<31 - 1))
}

func (c *cursor) text() string {
	if c.wrong || len(c.rest) == 0 || c.rest[0] != '"' {
		c.wrong = true
		return ""
	}
	for i := 1; i < len(c.rest); i++ {
		switch c.rest[i] {
		case '\\':
			i++
		case '"':
			quoted := c.rest[:i+1]
			c.rest = c.rest[i+1:]
			return c.unquote(quoted)
		}
	}
	c.wrong = true
	return ""
}

// unquote decodes a text of appendQuoted. unquote also accepts other encodings; the later
// comparison finds the difference.
func (c *cursor) unquote(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	text, err := strconv.Unquote(string(quoted))
	if err != nil {
		c.wrong = true
	}
	return text
}

func (c *cursor) number() uint64 {
	n := 0
	for n < len(c.rest) && '0' <= c.rest[n] && c.rest[n] <= '9' {
		n++
	}
	value, err := strconv.ParseUint(string(c.rest[:n]), 10, 64)
	if err != nil {
		c.wrong = true
	}
	c.rest = c.rest[n:]
	return value
}

func (c *cursor) boolean() bool {
	if c.take("true") {
		return true
	}
	c.must("false")
	return false
}

func (c *cursor) digest(into *[hashBytes]byte) {
	const n = 2*hashBytes + 1
	if c.wrong || len(c.rest) <= n || c.rest[0] != '"' || c.rest[n] != '"' {
		c.wrong = true
		return
	}
	if _, err := hex.Decode(into[:], c.rest[1:n]); err != nil {
		c.wrong = true
	}
	c.rest = c.rest[n+1:]
}

func (c *cursor) list(item func()) {
	c.must("[")
	for first := true; !c.wrong && !c.take("]"); first = false {
		if !first {
			c.must(",")
		}
		item()
	}
}
