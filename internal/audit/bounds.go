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
	// maxNames is how many bytes the secrets of one record may take as they are
	// written. A list that takes more is cut, and SecretCount says how many there
	// are. 100 names as Cloudflare allows them take less.
	maxNames = 96 << 10
	// maxLine is more than the longest line, every character escaped.
	maxLine = 128 << 10
)

// invalid stands where a text did not have its form.
const invalid = "invalid"

// clean returns the record as it is written: each text within the bounds of
// its class. Cleaning a clean record changes nothing, which verification relies on.
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

func (o Outcome) clean(k Kind) Outcome {
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

// cleanAll cuts the list and cleans its items, in a copy, since the list
// belongs to the caller.
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

// fitting cuts a list of secrets to what fits into maxNames.
func fitting(list []Secret) []Secret {
	most := 0
	for i := range list {
		// Each byte takes six at most, and the keys take less than 64.
		most += 64 + 6*(len(list[i].ID)+len(list[i].Name)+len(list[i].Fingerprint))
	}
	if most <= maxNames {
		return list
	}
	var buf [8 * maxName]byte
	size := 0
	for i, s := range list {
		if size += len(appendSecret(buf[:0], s)); size > maxNames {
			return list[:i]
		}
	}
	return list
}

// instant drops what the time format cannot hold.
func instant(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Microsecond)
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// word lets only a machine word pass.
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

// ident keeps identifiers and addresses, and marks characters that neither
// has. What is too long ends in three dots.
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

// name keeps free text. What is too long ends in an ellipsis.
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
