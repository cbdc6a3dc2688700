package upstream

import (
	"bytes"
	"encoding/json"
	"strings"
)

// minSecret is the length in bytes from which a value is looked for in texts.
// A shorter one would be found in every text.
const minSecret = 4

// scrubber finds the credential and the secret values of a request in texts
// that Cloudflare sent.
type scrubber struct {
	credential string
	values     []string
}

// clean gives the text, or nothing if it holds a secret.
func (s *scrubber) clean(text string) string {
	if s.dirty(text) {
		return ""
	}
	return text
}

// dirty says whether a text holds the credential or a value, as it is or as it
// stands in JSON, which a text may quote.
func (s *scrubber) dirty(text string) bool {
	if s.credential != "" && strings.Contains(text, s.credential) {
		return true
	}
	for _, value := range s.values {
		if len(value) < minSecret || len(value) > len(text) {
			continue
		}
		plain, escaped := inJSON(value)
		if strings.Contains(text, value) || strings.Contains(text, plain) || strings.Contains(text, escaped) {
			return true
		}
	}
	return false
}

// dirtyWord is dirty for a word that is told in upper case, too.
func (s *scrubber) dirtyWord(word string) bool {
	return s.dirty(word) || s.dirty(strings.ToUpper(word))
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
