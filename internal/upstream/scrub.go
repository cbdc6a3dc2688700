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
)

// scrubber finds the credentials of the account and the secret values of a
// request in texts that Cloudflare sent.
type scrubber struct {
	// credential is the one that the request was sent with.
	credential string
	// account knows the others, as they are when the answer is read.
	account *keeper
	values  []string
}

// clean gives the text, or nothing if it holds a secret.
func (s *scrubber) clean(text string) string {
	if s.dirty(text) {
		return ""
	}
	return text
}

// dirty says whether a text holds a credential or a value, as it is or as it
// stands in JSON, which a text may quote.
func (s *scrubber) dirty(text string) bool {
	held := func(credential string) bool { return strings.Contains(text, credential) }
	if s.credential != "" && held(s.credential) || s.betrays(held) {
		return true
	}
	for _, value := range s.values {
		if len(value) < minSecret || len(value) > len(text) {
			continue
		}
		if strings.Contains(text, value) {
			return true
		}
		if !strings.ContainsFunc(value, escapes) {
			continue
		}
		plain, escaped := inJSON(value)
		if strings.Contains(text, plain) || strings.Contains(text, escaped) {
			return true
		}
	}
	return false
}

// betrays says whether a credential is found by has, of those that are long
// enough to be looked for everywhere.
func (s *scrubber) betrays(has func(credential string) bool) bool {
	found := func(credential string) bool { return len(credential) >= minCredential && has(credential) }
	return found(s.credential) || slices.ContainsFunc(*s.account.known.Load(), found)
}

// taints says whether the result of an answer holds a credential. The rest of
// an answer is checked text by text.
func (s *scrubber) taints(body []byte, result any) bool {
	plain := !bytes.Contains(body, []byte(`\u`)) && !bytes.Contains(body, []byte(`\/`))
	if plain && !s.betrays(quotedIn(body)) {
		return false
	}
	// What was escaped in another way is read by now, and written as we do.
	text, err := encode(result, len(body))
	return err != nil || s.betrays(quotedIn(text))
}

// quotedIn looks for credentials in JSON.
func quotedIn(text []byte) func(credential string) bool {
	return func(credential string) bool {
		if strings.ContainsAny(credential, `"\`) {
			credential, _ = inJSON(credential)
		}
		return bytes.Contains(text, []byte(credential))
	}
}

// dirtyWord is dirty for a word that is told in upper case, too.
func (s *scrubber) dirtyWord(word string) bool {
	return s.dirty(word) || s.dirty(strings.ToUpper(word))
}

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
