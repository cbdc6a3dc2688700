package audit

import (
	"strconv"
	"unicode/utf8"
)

// stamp is the format of times, always in UTC.
const stamp = "2006-01-02T15:04:05.000000Z"

// origin identifies the chain that a file belongs to. Records of the kinds start and recovered hold
// it.
type origin struct {
	// id is random, 32 lower-case hexadecimal digits.
	id string
	// keyed reports whether the hashes need a key.
	keyed bool
}

// appendBody writes the part of a line between the number and the hashes. The encoding is
// canonical: fixed order, no empty fields, no spaces. r must be clean.
func appendBody(dst []byte, r *Record, o origin) []byte {
	dst = append(dst, `"time":"`...)
	dst = r.Time.AppendFormat(dst, stamp)
	dst = append(dst, '"')
	dst = appendField(dst, "kind", string(r.Kind))
	dst = appendOrigin(dst, o)
	dst = appendField(dst, "id", r.ID)
	dst = appendField(dst, "caller", r.Caller)
	dst = appendField(dst, "tenant", r.Tenant)
	dst = appendField(dst, "tenant_id", r.TenantID)
	dst = appendField(dst, "credential", r.Credential)
	dst = appendField(dst, "issuer", r.Issuer)
	dst = appendField(dst, "subject", r.Subject)
	dst = appendField(dst, "jti", r.JTI)
	dst = appendField(dst, "run_id", r.RunID)
	dst = appendField(dst, "method", r.Method)
	dst = appendField(dst, "action", r.Action)
	dst = appendField(dst, "account", r.Account)
	dst = appendField(dst, "store_id", r.Store.ID)
	dst = appendField(dst, "store_name", r.Store.Name)
	dst = appendSecrets(dst, r)
	dst = appendList(dst, "changed", r.Changed)
	dst = appendCount(dst, "suppressed", r.Suppressed)
	dst = appendDecision(dst, r.Decision)
	dst = appendField(dst, "policy", r.Policy)
	dst = appendField(dst, "before", r.Before)
	dst = appendField(dst, "after", r.After)
	dst = appendField(dst, "outcome", string(r.Outcome))
	dst = appendField(dst, "reason", r.Reason)
	dst = appendField(dst, "code", r.Code)
	dst = appendField(dst, "request_id", r.RequestID)
	dst = appendField(dst, "trace_id", r.TraceID)
	dst = appendList(dst, "rays", r.Rays)
	dst = appendField(dst, "protocol", r.Protocol)
	return appendField(dst, "peer", r.Peer)
}

func appendOrigin(dst []byte, o origin) []byte {
	if o.id == "" {
		return dst
	}
	dst = appendField(dst, "chain", o.id)
	dst = append(dst, `,"keyed":`...)
	return strconv.AppendBool(dst, o.keyed)
}

func appendSecrets(dst []byte, r *Record) []byte {
	if len(r.Secrets) > 0 {
		dst = append(dst, `,"secrets":[`...)
		for i, s := range r.Secrets {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendSecret(dst, s)
		}
		dst = append(dst, ']')
	}
	return appendCount(dst, "secret_count", r.SecretCount)
}

// appendSecret writes the identifier even if it is empty, so that every object begins with the same
// field.
func appendSecret(dst []byte, s Secret) []byte {
	dst = append(dst, `{"id":`...)
	dst = appendQuoted(dst, s.ID)
	dst = appendField(dst, "name", s.Name)
	dst = appendField(dst, "fingerprint", s.Fingerprint)
	return append(dst, '}')
}

// appendCount writes a number, or nothing if n is not positive.
func appendCount(dst []byte, key string, n int) []byte {
	if n <= 0 {
		return dst
	}
	dst = append(dst, ',', '"')
	dst = append(dst, key...)
	dst = append(dst, '"', ':')
	return strconv.AppendInt(dst, int64(n), 10)
}

func appendDecision(dst []byte, d Decision) []byte {
	if d == (Decision{}) {
		return dst
	}
	dst = append(dst, `,"decision":{"allowed":`...)
	dst = strconv.AppendBool(dst, d.Allowed)
	dst = appendField(dst, "rule", d.Rule)
	dst = appendField(dst, "id", d.ID)
	return append(dst, '}')
}

// appendList writes a list of texts, or nothing if the list is empty.
func appendList(dst []byte, key string, list []string) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = append(dst, ',', '"')
	dst = append(dst, key...)
	dst = append(dst, '"', ':', '[')
	for i, text := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(dst, text)
	}
	return append(dst, ']')
}

// appendField writes a comma, the key and the text, or nothing if the text is empty.
func appendField(dst []byte, key, text string) []byte {
	if text == "" {
		return dst
	}
	dst = append(dst, ',', '"')
	dst = append(dst, key...)
	dst = append(dst, '"', ':')
	return appendQuoted(dst, text)
}

func appendQuoted(dst []byte, text string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	if plain(text) {
		dst = append(dst, text...)
		return append(dst, '"')
	}
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case escaped(r):
			dst = append(dst, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// plain reports whether a text needs no escaping. Nearly all texts need none.
func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// escaped reports whether a character could mislead the reader of a terminal: control characters,
// invisible characters, and characters that change the text direction. The ranges are fixed here
// and not taken from Go's tables, because the form of a line must not change with a version of
// Unicode.
func escaped(r rune) bool {
	switch {
	case r < 0x20, 0x7f <= r && r <= 0x9f:
		return true
	case 0x200b <= r && r <= 0x200f, 0x2028 <= r && r <= 0x202e, 0x2060 <= r && r <= 0x2069:
		return true
	default:
		return r == 0xfeff
	}
}
