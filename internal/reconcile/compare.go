package reconcile

import "slices"

// sameScopes compares scopes as sets.
func sameScopes(a, b []string) bool {
	return slices.Equal(set(a), set(b))
}

func set(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

// sameComment reports whether a comment is the requested comment. Cloudflare may return an empty comment as
// none.
func sameComment(is, asked *string) bool {
	switch {
	case asked == nil:
		return is == nil
	case is == nil:
		return *asked == ""
	}
	return *is == *asked
}
