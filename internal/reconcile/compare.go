package reconcile

import "slices"

// sameScopes compares scopes as sets.
func sameScopes(a, b []string) bool {
	return slices.Equal(set(a), set(b))
}

func set(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

// sameComment says whether a comment is what was asked for. An empty one may
// come back as none.
func sameComment(is, asked *string) bool {
	switch {
	case asked == nil:
		return is == nil
	case is == nil:
		return *asked == ""
	}
	return *is == *asked
}
