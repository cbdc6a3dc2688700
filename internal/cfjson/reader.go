// Package cfjson converts between JSON and Storekeeper's messages. It uses Cloudflare's form for Cloudflare's
// API, and Google's mapping for Storekeeper's own API.
//
// The package must not know HTTP, gRPC or the destination of a message.
package cfjson

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
)

// malformed is Cloudflare's machine word for a body that cannot be parsed.
const malformed = fault.ReasonInvalidJSONBody

// maxItems is the maximum number of items of a list that are read: one more than any rule allows, so that
// validation reports the broken rule. A body may have millions of items.
const maxItems = 101

// maxNameBytes is the number of bytes of an unknown name that an answer
// repeats.
const maxNameBytes = 64

// The maximum numbers of bytes of strings that are kept: more than the rules allow, so that validation
// reports the broken rule.
const (
	maxNameText  = 4 * 257
	maxValueText = 64<<10 + 4
	maxWordText  = 128
)

// errDuplicateName is the error of an object with a duplicate name.
const errDuplicateName bodyError = "must be valid JSON: a name stands twice in an object"

// bodyReader reads a body once and notes every part that cannot be read;
// encoding/json would stop at the first. A body that is not JSON ends the
// reading.
type bodyReader struct {
	tokens *jsontext.Decoder
	found  *contract.Mistakes
	broken bool
}

// member is a name that an object may have, and the function that reads its value. also is a second name.
// Empty: none.
type member struct {
	name string
	read func(path string)
	also string
}

// object reads an object with the given members. An unknown name is a mistake:
// the value under a misspelt name would be lost silently.
func (r *bodyReader) object(path string, members ...member) {
	if !r.open(path, '{', "must be an object") {
		return
	}
	// The decoder does not check for duplicate names, because that needs memory for all names.
	var seen [maxMembers]bool
	for !r.broken && r.tokens.PeekKind() != '}' {
		r.member(path, members, &seen)
	}
	r.next()
}

// maxMembers is at least the number of fields of every object.
const maxMembers = 32

func (r *bodyReader) member(path string, members []member, seen *[maxMembers]bool) {
	token, ok := r.next()
	if !ok {
		return
	}
	name := token.String()
	for i, m := range members {
		if m.name != name && (m.also == "" || m.also != name) {
			continue
		}
		if seen[i] {
			r.stop(errDuplicateName)
			return
		}
		seen[i] = true
		m.read(join(path, m.name))
		return
	}
	r.unknown(path, name, members)
}

// unknown notes an unknown name. The reading ends if there are as many mistakes
// as are reported.
func (r *bodyReader) unknown(path, name string, members []member) {
	if len(name) > maxNameBytes {
		name = strings.ToValidUTF8(name[:maxNameBytes], "")
	}
	if name == "" {
		name = `""`
	}
	if !r.found.Add(join(path, name), malformed, "unknown field; the known ones are "+names(members)) {
		r.broken = true
		return
	}
	r.skip()
}

// array reads an array and calls item for each of its first maxItems elements. It skips the others: the array
// is then too long, and mistakes in its items are not reported.
func (r *bodyReader) array(path string, item func(n int)) {
	if !r.open(path, '[', "must be an array") {
		return
	}
	before, n := len(r.found.Fields), 0
	for ; !r.broken && r.tokens.PeekKind() != ']'; n++ {
		if n < maxItems {
			item(n)
		} else {
			r.skip()
		}
	}
	if r.next(); n >= maxItems && !r.broken {
		r.found.Fields = r.found.Fields[:before]
	}
}

// open reads the opening bracket of a value, or notes the expected value.
func (r *bodyReader) open(path string, bracket jsontext.Kind, wanted string) bool {
	if r.tokens.PeekKind() == bracket {
		_, ok := r.next()
		return ok
	}
	r.refuse(path, wanted)
	return false
}

func indexPath(path string, n int) string { return fmt.Sprintf("%s[%d]", path, n) }

// text reads a string and keeps at most most bytes. null reads as a missing
// field, which the rule of the field then judges.
func (r *bodyReader) text(path string, most int, set func(string)) {
	switch r.tokens.PeekKind() {
	case '"':
		if token, ok := r.next(); ok {
			set(truncate(token.String(), most))
		}
	case 'n':
		r.next()
	default:
		r.refuse(path, "must be a string")
	}
}

// truncate shortens a text that is too long.
func truncate(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.Clone(strings.ToValidUTF8(text[:most], ""))
}

// texts reads an array of strings. null reads as an empty array.
func (r *bodyReader) texts(path string, add func(string)) {
	if r.tokens.PeekKind() == 'n' {
		r.next()
		return
	}
	r.array(path, func(n int) {
		if r.tokens.PeekKind() != '"' {
			// The item counts, so that a list that is too long is recognised.
			add("")
			r.refuse(indexPath(path, n), "must be a string")
			return
		}
		r.text(path, maxWordText, add)
	})
}

// refuse notes that the next value is not the expected value, and skips the value.
func (r *bodyReader) refuse(path, wanted string) {
	if r.skip(); !r.broken {
		r.broken = !r.found.Add(path, malformed, wanted)
	}
}

func (r *bodyReader) next() (jsontext.Token, bool) {
	if r.broken {
		return jsontext.Token{}, false
	}
	token, err := r.tokens.ReadToken()
	if err != nil {
		r.stop(err)
	}
	return token, err == nil
}

func (r *bodyReader) skip() {
	if r.broken {
		return
	}
	if err := r.tokens.SkipValue(); err != nil {
		r.stop(err)
	}
}

// end checks that nothing follows the body.
func (r *bodyReader) end() {
	if r.broken {
		return
	}
	if _, err := r.tokens.ReadToken(); err == nil {
		r.stop(errors.New("a second value"))
	} else if !errors.Is(err, io.EOF) {
		r.stop(err)
	}
}

// stop ends the decoding. It drops earlier mistakes, because a text that is not JSON has no fields. It does
// not pass on the parser's error, which may quote a secret in the body.
func (r *bodyReader) stop(err error) {
	r.broken = true
	r.found.Fields = nil
	var tooLong *http.MaxBytesError
	var refused bodyError
	var told *fault.Error
	switch {
	case errors.As(err, &told):
		r.found.Fault = told
	case errors.As(err, &tooLong):
		r.found.Fault = fault.New(fault.TooLarge, fault.ReasonRequestTooLarge,
			fmt.Sprintf("The body must be at most %d bytes.", tooLong.Limit))
	case errors.Is(err, io.EOF) && r.tokens.InputOffset() == 0:
		r.found.Add(contract.Body, malformed, "must not be empty")
	case errors.As(err, &refused):
		r.found.Add(contract.Body, malformed, string(refused))
	default:
		r.found.Add(contract.Body, malformed, "must be valid JSON")
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func names(members []member) string {
	list := make([]string, len(members))
	for i, m := range members {
		list[i] = m.name
	}
	return strings.Join(list, ", ")
}
