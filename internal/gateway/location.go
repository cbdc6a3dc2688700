package gateway

import (
	"net/http"
	"strings"

	"platform.internal/storekeeper/internal/contract"
)

// location is where a mistake is, as REST sees the request.
type location struct {
	// path is for people: "[0].name".
	path string
	// pointer is RFC 6901, and empty for what is not in the body.
	pointer string
}

// locate translates the path of a field in the request message. A field that
// Cloudflare itself pointed at comes as a pointer already.
func locate(field, bodyRule string) location {
	if strings.HasPrefix(field, "/") {
		return location{path: field, pointer: field}
	}
	if bodyRule != "" && bodyRule != "*" {
		rest, inBody := strings.CutPrefix(field, bodyRule)
		switch {
		case inBody && rest == "":
			return location{path: contract.Body}
		case inBody:
			field = rest
		}
	}
	_, isHeader := incomingHeader(http.CanonicalHeaderKey(field))
	if bodyRule == "" || field == contract.Body || isHeader {
		return location{path: field}
	}
	return location{path: field, pointer: pointer(field)}
}

// pointer turns "[0].scopes[1]" into "/0/scopes/1".
func pointer(path string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for step := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		b.WriteByte('/')
		b.WriteString(escape.Replace(step))
	}
	return b.String()
}
