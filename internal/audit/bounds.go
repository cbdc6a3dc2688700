package audit

import (
	"strings"
	"time"
	"unicode/utf8"
)

// The longest texts of a record, in bytes.
const (
	maxWord      = 64
	maxID        = 128
	maxName      = 512
	maxStoreName = 1024
	maxSecrets   = 100
	maxRays      = 16
	maxChanged   = 8
	// maxNames is the maximum encoded size in bytes of the secrets in one record. A longer list is
	// truncated, and SecretCount holds the full count. 100 names of Cloudflare's maximum length
	// take less.
	maxNames = 96 << 10
	// maxLine exceeds the length of the longest line with every character escaped.
	maxLine = 128 << 10
)

// invalid replaces a text that violates the form of its class.
const invalid = "invalid"

// clean returns the record with each text limited to the bounds of its class. clean is idempotent;
// verification relies on that.
func (r Record) clean() Record {
	r.Time = instant(r.Time)
	r.ID, r.Account, r.RequestID, r.Peer = ident(r.ID), ident(r.Account), ident(r.RequestID), ident(r.Peer)
	r.TraceID = ident(r.TraceID)
	r.Caller, r.Tenant, r.TenantID = name(r.Caller, maxName), name(r.Tenant, maxName), name(r.TenantID, maxName)
	r.Credential, r.Protocol = word(r.Credential), word(r.Protocol)
	r.Method, r.Action = word(r.Method), word(r.Action)
	r.Reason, r.Code = word(r.Reason), word(r.Code)
	r.Store = Store{ID: ident(r.Store.ID), Name: name(r.Store.Name, maxStoreName)}
	r.Issuer, r.Subject = name(r.Issuer, maxName), name(r.Subject, maxName)
	r.JTI, r.RunID = ident(r.JTI), ident(r.RunID)
	r.Policy, r.Before, r.After = ident(r.Policy), ident(r.Before), ident(r.After)
	r.Decision.Rule, r.Decision.ID = name(r.Decision.Rule, maxName), ident(r.Decision.ID)
	r.Changed = cleanAll(r.Changed, maxChanged, word)
	r.Suppressed = max(r.Suppressed, 0)
	r.Outcome = r.Outcome.clean(r.Kind)
	r.SecretCount = max(r.SecretCount, len(r.Secrets))
	r.Secrets = fitting(cleanAll(r.Secrets, maxSecrets, Secret.clean))
	r.Rays = cleanAll(r.Rays, maxRays, ident)
	return r
}

func (o Outcome) clean(k RecordKind) Outcome {
	if k != KindOutcome && k != KindReload {
		return ""
	}
	switch o {
	case Succeeded, Failed, NotSent:
		return o
	default:
		return Unknown
	}
}

func (s Secret) clean() Secret {
	return Secret{ID: ident(s.ID), Name: name(s.Name, maxName), Fingerprint: fingerprint(s.Fingerprint)}
}

// cleanAll truncates the list and cleans the items in a copy, because the list belongs to the
// caller.
func cleanAll[T any](list []T, most int, clean func(T) T) []T {
	if len(list) == 0 {
		return nil
	}
	out := make([]T, min(len(list), most))
	for i := range out {
		out[i] = clean(list[i])
	}
	return out
}

// fitting truncates a list of secrets to maxNames.
func fitting(list []Secret) []Secret {
	most := 0
	for i := range list {
		// Each byte takes at most six bytes when escaped, and the keys take less than 64 bytes.
		most += 64 + 6*(len(list[i].ID)+len(list[i].Name)+len(list[i].Fingerprint))
	}
	if most <= maxNames {
		return list
	}
	return measured(list)
}

// measured is fitting for a list that may be too long. Its buffer is large for a stack, so it is separate.
func measured(list []Secret) []Secret {
	var buf [8 * maxName]byte
	size := 0
	for i, s := range list {
		if size += len(appendSecret(buf[:0], s)); size > maxNames {
			return list[:i]
		}
	}
	return list
}

// instant normalises a time to UTC and microseconds. A year that the format cannot hold gives the
// zero time.
func instant(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Microsecond)
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// word accepts machine words only.
func word(s string) string {
	if len(s) > maxWord {
		return invalid
	}
	for i := range len(s) {
		if !inWord(s[i]) {
			return invalid
		}
	}
	return s
}

// ident keeps identifiers and addresses, and replaces other characters by "?". A text that is too
// long ends in three dots.
func ident(s string) string {
	if len(s) > maxID {
		s = s[:maxID-3] + "..."
	}
	for i := range len(s) {
		if !inIdent(s[i]) {
			return marked(s)
		}
	}
	return s
}

func marked(s string) string {
	b := []byte(s)
	for i, c := range b {
		if !inIdent(c) {
			b[i] = '?'
		}
	}
	return string(b)
}

func inIdent(c byte) bool {
	return inWord(c) || strings.IndexByte("?@%[]=+,~", c) >= 0
}

func inWord(c byte) bool {
	switch {
	case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		return true
	default:
		return c == '_' || '-' <= c && c <= '/' || c == ':'
	}
}

// name keeps free text. A text that is too long ends in an ellipsis.
func name(s string, most int) string {
	const ellipsis = "\u2026"
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	if len(s) <= most {
		return s
	}
	end := most - len(ellipsis)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}

func fingerprint(s string) string {
	if s == "" {
		return ""
	}
	if len(s) != 2*printBytes || strings.Trim(s, "0123456789abcdef") != "" {
		return invalid
	}
	return s
}
