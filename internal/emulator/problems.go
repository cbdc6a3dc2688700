package emulator

import (
	"fmt"
	"net/http"
)

// maxProblems limits the number of mistakes in an answer: a body of the maximum
// size has room for millions.
const maxProblems = 1000

// badJSON is Cloudflare's machine word for a body that cannot be parsed.
const badJSON = "invalid_json_body"

// fieldPath is a path in a request: [0].scopes[1] for people, /0/scopes/1 as a JSON pointer. The zero value
// is the whole body.
type fieldPath struct {
	path    string
	pointer string
}

// wholeBody is the place of a mistake about the whole body.
func wholeBody() fieldPath { return fieldPath{path: "body"} }

func (p fieldPath) item(i int) fieldPath {
	return fieldPath{path: fmt.Sprintf("%s[%d]", p.path, i), pointer: fmt.Sprintf("%s/%d", p.pointer, i)}
}

// field appends a name that needs no escaping in a JSON pointer.
func (p fieldPath) field(name string) fieldPath {
	path := name
	if p.path != "" {
		path = p.path + "." + name
	}
	return fieldPath{path: path, pointer: p.pointer + "/" + name}
}

// problems are the mistakes of a request, in the order of the request.
type problems struct {
	errors   []apiMessage
	messages []apiMessage
}

// add notes a mistake: Cloudflare's machine word, the path, and the correct form.
func (p *problems) add(word string, at fieldPath, text string) {
	if len(p.errors) == maxProblems {
		return
	}
	p.errors = append(p.errors, apiMessage{code: codeInvalid, message: word, pointer: at.pointer})
	p.messages = append(p.messages, apiMessage{code: codeInvalid, message: at.path + ": " + text})
}

// refusal returns the answer that lists all mistakes. ok is false if there are
// none.
func (p *problems) refusal() (a httpAnswer, ok bool) {
	if len(p.errors) == 0 {
		return httpAnswer{}, false
	}
	return httpAnswer{status: http.StatusBadRequest, body: failure(p.errors, p.messages)}, true
}
