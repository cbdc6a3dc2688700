// Package tenant carries the tenant of a call in its context: the tenant whose
// share of the call budget the call uses.
//
// The package must not know how a caller was authenticated or what a call
// costs.
package tenant

import "context"

type tenantKey struct{}

// With returns a context for a call of a tenant.
func With(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, tenantKey{}, name)
}

// From returns the tenant of a call. "": Storekeeper itself makes the call.
func From(ctx context.Context) string {
	name, _ := ctx.Value(tenantKey{}).(string)
	return name
}
