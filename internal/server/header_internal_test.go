package server

import (
	"fmt"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/fault"
)

// gRPC clients in C++ and Python refuse an answer with more than 8 KiB of headers, so that the
// error would be lost.
func TestEveryFaultFitsIntoAHeader(t *testing.T) {
	texts := map[string]string{
		"short": "x", "long": strings.Repeat("x", 20_000), "long and not ASCII": strings.Repeat("é", 20_000), "percent": strings.Repeat("%", 20_000), "control": strings.Repeat("\x01", 20_000),
	}
	for name, text := range texts {
		for _, n := range []int{0, 1, 21, 100, 1000} {
			f := fault.New(fault.BadInput, "SECRET_NAME_INVALID", text)
			for i := range n {
				f.Fields = append(f.Fields, fault.Field{
					Path: fmt.Sprintf("secrets[%d].%s", i, text[:min(len(text), 64)]), Reason: "INVALID_JSON_BODY", Text: "unknown field; the known ones are " + text[:min(len(text), 300)],
				})
				f.Notices = append(f.Notices, fault.Notice{Code: 1001, Text: text[:min(len(text), 500)], DocumentationURL: "https://example.com/", Pointer: "/0/name"})
				f.Errors = append(f.Errors, fault.Notice{Code: 1001, Text: text[:min(len(text), 500)]})
			}
			short := forHeader(f)
			if size := inHeader(short); size > maxHeaderBytes {
				t.Errorf("%s, %d fields: %d bytes", name, n, size)
			}
			if n > 0 && len(short.Fields) == 0 || short.Public == "" || len(f.Fields) != n {
				t.Errorf("%s, %d fields: nothing is left", name, n)
			}
			if last := len(short.Fields) - 1; n > len(short.Fields) && !strings.Contains(short.Fields[last].Text, "more fields are wrong") {
				t.Errorf("%s, %d fields: %d are told without a word of the others", name, n, len(short.Fields))
			}
		}
	}
}
