package upstream

import (
	"strings"
	"testing"
)

func TestOnlyPlainPointersAreRelayed(t *testing.T) {
	for text, want := range map[string]bool{
		"/name": true, "/0/scopes": true, "/a_b~1c-D": true, strings.Repeat("/a", 8): true, "/" + strings.Repeat("a", 64): true,
		"": false, "name": false, "/": false, "/a/": false, "//a": false, "/a b": false, "/a\n": false, "/é": false, "/a%2f": false,
		strings.Repeat("/a", 9): false, "/" + strings.Repeat("a", 65): false,
	} {
		if isPointer(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
