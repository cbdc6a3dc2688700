package upstream

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

const (
	// minSecret is the length in bytes from which a value is looked for in
	// texts. A shorter one would be found in every text.
	minSecret = 4
	// minCredential is the same for a credential that the request was not sent
	// with. A file that is half written may hold a short one.
	minCredential = 8
	// maxFactor is how many times as long as a text a secret in it may be: most
	// of its bytes may be none that a folded text has.
	maxFactor = 4
)

// scrubber finds the credentials of the account and the secret values of a
// request in texts that Cloudflare sent.
type scrubber struct {
	// credential is the one that the request was sent with.
	credential string
	// account knows the others, as they are when the answer is read.
	account *keeper
	values  []string
	// hidden are the disguises of values, made with the first text that is long
	// enough to hold one.
	hidden [][]string
}

// clean gives the text, or nothing if it holds a secret.
func (s *scrubber) clean(text string) string {
	if s.dirty(text) {
		return ""
	}
	return text
}

// dirty says whether a text holds a credential or a value, in whatever form a
// text may quote it.
func (s *scrubber) dirty(text string) bool {
	if s.credential != "" && strings.Contains(text, s.credential) || s.betrays(text) {
		return true
	}
	var forms []string
	for i, value := range s.values {
		if len(value) >= minSecret && (strings.Contains(text, value) || quotes(text, value)) {
			return true
		}
		if len(value) < minFolded || len(value) > maxFactor*len(text) {
			continue
		}
		if forms == nil {
			forms = unfolded(nil, text)
		}
		if holds(forms, s.disguisesOf(i)) {
			return true
		}
	}
	return false
}

// disguisesOf are the disguises of a value.
func (s *scrubber) disguisesOf(i int) []string {
	if s.hidden == nil {
		s.hidden = make([][]string, len(s.values))
	}
	if s.hidden[i] == nil {
		s.hidden[i] = disguises(s.values[i])
	}
	return s.hidden[i]
}

// quotes says whether a text holds a value as it stands in JSON.
func quotes(text, value string) bool {
	if len(value) > len(text) || !strings.ContainsFunc(value, escapes) {
		return false
	}
	plain, escaped := inJSON(value)
	return strings.Contains(text, plain) || strings.Contains(text, escaped)
}

// holds says whether one of the folded forms of a text holds one of the disguises
// of a secret.
func holds(forms, disguises []string) bool {
	longest := 0
	for _, form := range forms {
		longest = max(longest, len(form))
	}
	for _, disguise := range disguises {
		if len(disguise) > longest {
			continue
		}
		if slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(form, disguise) }) {
			return true
		}
	}
	return false
}

// betrays says whether a text holds one of the account's credentials that are
// long enough to be looked for everywhere.
func (s *scrubber) betrays(text string) bool {
	var room [1 + maxUnescapes]string
	var forms []string
	found := func(c knownCredential) bool {
		if len(c.text) < minCredential || len(c.text) > maxFactor*len(text) {
			return false
		}
		if forms == nil {
			forms = unfolded(room[:0], text)
		}
		return strings.Contains(text, c.text) || holds(forms, c.disguises)
	}
	known := *s.account.known.Load()
	if slices.ContainsFunc(known, found) {
		return true
	}
	// A credential that was replaced several times since the request was sent.
	replaced := !slices.ContainsFunc(known, func(c knownCredential) bool { return c.text == s.credential })
	return replaced && found(newKnownCredential(s.credential))
}

// knownCredential is a credential with what is looked for in texts, which is made
// once and not for each answer.
type knownCredential struct {
	text      string
	disguises []string
}

func newKnownCredential(text string) knownCredential {
	return knownCredential{text: text, disguises: disguises(text)}
}

// taints says whether the result of an answer holds a credential. The rest of
// an answer is checked text by text.
func (s *scrubber) taints(body []byte) bool { return s.betrays(string(body)) }

// escapes says whether a character may stand in JSON as another one.
func escapes(r rune) bool {
	return r < ' ' || r > '~' || strings.ContainsRune("\"\\<>&", r)
}

// inJSON gives a value as it stands between the quotes of a JSON string, as it
// was sent and with the escapes for HTML that others add.
func inJSON(value string) (plain, escaped string) {
	quoted, err := encode(value, len(value)+2)
	if err != nil {
		return value, value
	}
	var html bytes.Buffer
	json.HTMLEscape(&html, quoted)
	return string(quoted[1 : len(quoted)-1]), string(html.Bytes()[1 : html.Len()-1])
}
