package contract

import (
	"strings"

	"buf.build/go/protovalidate"

	"platform.internal/storekeeper/internal/fault"
)

// reportedPaths holds the paths of a request that already have a mistake. A
// look-up costs the same however many there are: a request can have thousands
// of mistakes.
type reportedPaths struct {
	paths map[string]bool
	// lists are the lists with a mistake in an item.
	lists map[string]bool
	// tooLong are the lists with too many items. Mistakes in their items are
	// not reported.
	tooLong map[string]bool
}

func newReportedPaths(known []fault.Field, broken []*protovalidate.Violation) reportedPaths {
	b := reportedPaths{paths: map[string]bool{}, lists: map[string]bool{}, tooLong: map[string]bool{}}
	for _, f := range known {
		b.add(f.Path)
	}
	for _, v := range broken {
		if v.Proto.GetRuleId() == "repeated.max_items" {
			b.tooLong[protovalidate.FieldPathString(v.Proto.GetField())] = true
		}
	}
	return b
}

func (b reportedPaths) add(path string) {
	b.paths[path] = true
	for i := range len(path) {
		if path[i] == '[' {
			b.lists[path[:i]] = true
		}
	}
}

// covers reports whether a path, its parent or an item of its list has a mistake, or whether the path is
// inside a list that is too long.
func (b reportedPaths) covers(path string) bool {
	if b.paths[path] || b.lists[path] {
		return true
	}
	for i := strings.IndexAny(path, ".["); i >= 0 && i < len(path); i++ {
		if path[i] == '.' && b.paths[path[:i]] || path[i] == '[' && b.tooLong[path[:i]] {
			return true
		}
	}
	return false
}
