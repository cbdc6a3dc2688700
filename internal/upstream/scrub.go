package upstream

import (
	"slices"
	"strings"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	// minSecret is the minimum length in bytes of a value to search for. A shorter value would give
	// false matches.
	minSecret = 4
	// minCredential is the minimum length of a credential to search for, except for the credential
	// of the request. A partially written file may hold a short credential.
	minCredential = 8
	// maxFactor is the maximum ratio of the length of a secret to the length of the searched text.
	// Folding may drop most bytes of a secret.
	maxFactor = 4
)

// scrubber searches texts from Cloudflare for the credentials of the account and the secret values
// of the request.
type scrubber struct {
	// credential is the credential of the request.
	credential string
	// account has the other credentials, as of the time when the response is read.
	account *credentialSource
	values  []string
	// hidden caches the disguises of values.
	hidden [][]string
}

// clean returns the text, or an empty text if it contains a secret.
func (s *scrubber) clean(text string) string {
	if s.dirty(text) {
		return ""
	}
	return text
}

// dirty reports whether a text contains a credential or a value, in any form in which a text may
// quote it.
func (s *scrubber) dirty(text string) bool {
	t := searched{text: text}
	if s.credential != "" && strings.Contains(text, s.credential) || s.betrays(&t) {
		return true
	}
	for i, value := range s.values {
		if len(value) >= minSecret && (strings.Contains(text, value) || quotes(text, value)) {
			return true
		}
		if len(value) < minFolded || len(value) > maxFactor*len(text) {
			continue
		}
		if t.holds(s.disguisesOf(i)) {
			return true
		}
	}
	return false
}

// disguisesOf returns the disguises of a value.
func (s *scrubber) disguisesOf(i int) []string {
	if s.hidden == nil {
		s.hidden = make([][]string, len(s.values))
	}
	if s.hidden[i] == nil {
		s.hidden[i] = disguises(s.values[i])
	}
	return s.hidden[i]
}

// quotes reports whether a text contains a value in JSON encoding.
func quotes(text, value string) bool {
	if len(value) > len(text) || !strings.ContainsFunc(value, escapes) {
		return false
	}
	return slices.ContainsFunc(inJSON(value), func(form string) bool { return strings.Contains(text, form) })
}

// searched is a text in which secrets are searched.
type searched struct {
	text string
	// forms are the folded forms of the text: plain, and with the escapes of URLs, JSON and HTML decoded.
	// known is their number, and 0 before one is needed.
	forms [1 + maxUnescapes]string
	known int
}

// unfold finds the folded forms of the text.
func (t *searched) unfold() {
	t.forms[0], t.known = fold(t.text), 1
	for text := t.text; t.known < len(t.forms); t.known++ {
		plain := unescape(text)
		if plain == text {
			return
		}
		text = plain
		t.forms[t.known] = fold(text)
	}
}

// holds reports whether a folded form of the text contains a disguise of a secret.
func (t *searched) holds(disguises []string) bool {
	for _, disguise := range disguises {
		if len(disguise) > len(t.text) && isPlainText(t.text) {
			// The only form of a plain text is not longer than the text.
			continue
		}
		if t.known == 0 {
			t.unfold()
		}
		if slices.ContainsFunc(t.forms[:t.known], func(form string) bool { return strings.Contains(form, disguise) }) {
			return true
		}
	}
	return false
}

// isPlainText reports whether a text has ASCII characters only, and no escapes of URLs, JSON or HTML.
func isPlainText(text string) bool {
	for i := range len(text) {
		if c := text[i]; c >= utf8.RuneSelf || c == '%' || c == '\\' || c == '&' {
			return false
		}
	}
	return true
}

// betrays reports whether a text contains any of the account's credentials of at least
// minCredential bytes.
func (s *scrubber) betrays(t *searched) bool {
	found := func(c knownCredential) bool {
		if len(c.text) < minCredential || len(c.text) > maxFactor*len(t.text) {
			return false
		}
		return strings.Contains(t.text, c.text) || t.holds(c.disguises)
	}
	known := *s.account.known.Load()
	if slices.ContainsFunc(known, found) {
		return true
	}
	// The credential was replaced several times since the request was sent.
	replaced := !slices.ContainsFunc(known, func(c knownCredential) bool { return c.text == s.credential })
	return replaced && found(newKnownCredential(s.credential))
}

// knownCredential is a credential with its disguises, which are computed once.
type knownCredential struct {
	text      string
	disguises []string
}

func newKnownCredential(text string) knownCredential {
	return knownCredential{text: text, disguises: disguises(text)}
}

// taints reports whether the result of a response contains a credential. The other parts of a
// response are checked text by text.
func (s *scrubber) taints(body []byte) bool {
	return s.betrays(&searched{text: string(body)})
}

// escapes reports whether JSON may encode a character by an escape.
func escapes(r rune) bool {
	return r < ' ' || r > '~' || strings.ContainsRune("\"\\<>&", r)
}

// inJSON returns a value as encoders write it in a JSON string: as sent, with the escapes for JavaScript, and with
// those for HTML too.
func inJSON(value string) []string {
	var forms []string
	for _, escapes := range [][]jsonv2.Options{
		nil, {jsontext.EscapeForJS(true)}, {jsontext.EscapeForJS(true), jsontext.EscapeForHTML(true)},
	} {
		if quoted, err := jsonv2.Marshal(&value, escapes...); err == nil {
			forms = append(forms, string(quoted[1:len(quoted)-1]))
		}
	}
	return forms
}
