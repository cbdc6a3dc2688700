// Package tenant carries who pays for a call from where callers are known to
// where the budget is shared.
//
// It must not know how a caller proved to be of a tenant, or what a call costs.
package tenant

import "context"

type key struct{}

// With returns a context for a call that a tenant pays for.
func With(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, key{}, name)
}

// From returns who pays for a call. "" is the service itself.
func From(ctx context.Context) string {
	name, _ := ctx.Value(key{}).(string)
	return name
}
