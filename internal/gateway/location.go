package gateway

import (
	"strings"

	"platform.internal/storekeeper/internal/contract"
)

// location is the place of a mistake in a REST request.
type location struct {
	// path is for users: "[0].name".
	path string
	// pointer is a JSON pointer (RFC 6901). It is empty for a mistake outside
	// the body.
	pointer string
}

// locate converts the path of a field in the request message. A path with a leading slash is a
// pointer from Cloudflare and is not converted.
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
	if bodyRule == "" || field == contract.Body || isIncoming(field) {
		return location{path: field}
	}
	return location{path: field, pointer: pointer(field)}
}

// pointer converts "[0].scopes[1]" to "/0/scopes/1".
func pointer(path string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for step := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		b.WriteByte('/')
		b.WriteString(escape.Replace(step))
	}
	return b.String()
}
