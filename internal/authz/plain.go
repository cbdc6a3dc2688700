package authz

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readPlain reads a policy file whose rules have the form of the documentation:
//
//	rules:
//	  - {id: a, actions: [secret.get, "store.*"], when: 'store == "a"'}
//	tests:
//
// Each rule is one line of printable ASCII. The YAML library needs 12 ms for a thousand such rules, which is
// the longest step of a start, and readPlain needs half a millisecond. The library still reads the tests.
//
// The result is false for any other text, valid or not, and the library must read the text. If the result is
// true, the library reads the same rules and tests from the text (FuzzPlainRules).
func readPlain(data []byte) (*PolicyFile, bool) {
	if bytes.ContainsFunc(data, func(c rune) bool { return c != '\n' && (c < ' ' || c > '~') }) {
		return nil, false
	}
	file := &PolicyFile{}
	indent, begun := -1, false
	for rest := string(data); rest != ""; {
		line, after, _ := strings.Cut(rest, "\n")
		text := strings.TrimLeft(line, " ")
		switch column := len(line) - len(text); {
		case text == "" || text[0] == '#':
		case !begun:
			if begun = strings.TrimRight(line, " ") == "rules:"; !begun {
				return nil, false
			}
		case line == "tests:" && len(file.Rules) > 0:
			return file, readTests(rest, file)
		default:
			rule, ok := readPlainRule(text)
			if !ok || indent >= 0 && column != indent {
				return nil, false
			}
			indent = column
			file.Rules = append(file.Rules, rule)
		}
		rest = after
	}
	return file, len(file.Rules) > 0
}

// readTests reads the tests, the last part of a file, with the YAML library.
func readTests(text string, into *PolicyFile) bool {
	var part struct {
		Tests []Test `yaml:"tests"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	if decoder.Decode(&part) != nil || !errors.Is(decoder.Decode(&part), io.EOF) {
		return false
	}
	into.Tests = part.Tests
	return true
}

// plainReader reads the line of a rule from left to right. After the first failure, wrong stays true.
type plainReader struct {
	rest  string
	wrong bool
}

// readPlainRule reads a line such as "- {id: a, actions: [b], when: c}".
func readPlainRule(line string) (r Rule, ok bool) {
	p := &plainReader{rest: line}
	p.take("- {")
	for more := true; more && !p.wrong; more = p.next("}") {
		switch key, _, _ := strings.Cut(p.rest, ":"); {
		case key == "id" && r.ID == "":
			p.take("id: ")
			r.ID = p.text()
		case key == "actions" && r.Actions == nil:
			p.take("actions: ")
			r.Actions = p.list()
		case key == "when" && r.When == "":
			p.take("when: ")
			r.When = p.text()
		default:
			p.wrong = true
		}
	}
	return r, !p.wrong && strings.TrimRight(p.rest, " ") == ""
}

// take reads a fixed text and the spaces after it.
func (p *plainReader) take(text string) {
	rest, found := strings.CutPrefix(p.rest, text)
	p.rest, p.wrong = strings.TrimLeft(rest, " "), p.wrong || !found
}

// next reports whether a comma follows, and not the end of a list or mapping.
func (p *plainReader) next(end string) bool {
	if strings.HasPrefix(p.rest, ",") {
		p.take(",")
		return true
	}
	p.take(end)
	return false
}

// list reads a list with at least one text.
func (p *plainReader) list() (list []string) {
	p.take("[")
	for more := true; more && !p.wrong; more = p.next("]") {
		list = append(list, p.text())
	}
	return list
}

// text reads a text that is not empty: in quotes without an escape, or a word.
func (p *plainReader) text() (text string) {
	if p.rest == "" {
		p.wrong = true
		return ""
	}
	switch quote := p.rest[:1]; quote {
	case "'", `"`:
		var closed bool
		text, p.rest, closed = strings.Cut(p.rest[1:], quote)
		// Two single quotes are a quote in a text, and a backslash is an escape between double quotes.
		p.wrong = p.wrong || !closed || strings.HasPrefix(p.rest, quote) || quote == `"` && strings.Contains(text, `\`)
	default:
		end := 0
		for end < len(p.rest) && (isWord(p.rest[end]) || end > 0 && strings.IndexByte(".*-/@", p.rest[end]) >= 0) {
			end++
		}
		text, p.rest = p.rest[:end], p.rest[end:]
		// A word that begins with a digit may be a number, and null is no text.
		p.wrong = p.wrong || text == "" || '0' <= text[0] && text[0] <= '9' || strings.EqualFold(text, "null")
	}
	p.wrong = p.wrong || text == ""
	p.rest = strings.TrimLeft(p.rest, " ")
	return text
}
