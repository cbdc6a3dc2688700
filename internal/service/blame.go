package service

import (
	"errors"
	"strings"

	"platform.internal/storekeeper/internal/fault"
)

// blame converts the JSON pointers of Cloudflare's errors to paths in the request of the RPC. body
// is the request field that is sent as the body, or empty if the body is the whole request.
func blame(err error, body string) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	for i, field := range f.Fields {
		if field.Path == "" && field.Pointer != "" {
			f.Fields[i].Path = path(body, field.Pointer)
		}
	}
	return err
}

// path converts "/0/scopes/1" to "secrets[0].scopes[1]".
func path(body, pointer string) string {
	at := body
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch {
		case strings.Trim(step, "0123456789") == "":
			at += "[" + step + "]"
		case at == "":
			at = step
		default:
			at += "." + step
		}
	}
	return at
}
