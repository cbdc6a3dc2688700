// Package visibility carries, in the context of a list call, which objects the
// caller may see. The server decides; the code that makes the list reads it.
//
// The package must not know who the caller is or why an object is hidden.
package visibility

import "context"

// Filter reports whether the object with a name may be shown in the list of the
// call. It is safe for concurrent use.
type Filter func(name string) bool

type filterKey struct{}

// With returns a context for a call whose list contains only what f allows.
func With(ctx context.Context, f Filter) context.Context {
	return context.WithValue(ctx, filterKey{}, f)
}

// From returns the filter of a call. Nil means that every object may be shown.
func From(ctx context.Context) Filter {
	f, _ := ctx.Value(filterKey{}).(Filter)
	return f
}
