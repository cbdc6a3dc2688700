// Package view carries what a caller may see of a list from where rights are
// judged to where lists are made.
//
// It must not know who the caller is or why something is hidden.
package view

import "context"

// Filter says whether the object with a name may be shown in the list of the
// call. It is safe for concurrent use.
type Filter func(name string) bool

type filterKey struct{}

// With returns a context for a call whose list shows what f allows.
func With(ctx context.Context, f Filter) context.Context {
	return context.WithValue(ctx, filterKey{}, f)
}

// From returns the filter of a call. Nil means that everything may be shown.
func From(ctx context.Context) Filter {
	f, _ := ctx.Value(filterKey{}).(Filter)
	return f
}
