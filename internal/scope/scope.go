// Package scope carries three facts in the context of a call: the tenant that pays, whether
// Cloudflare must answer, and the filter of the objects that the caller may see in a list. The
// server sets them. The layers below read them, and report the age of their answer.
//
// The package does not know the caller, the cost of a call, or the reason why an object is hidden.
package scope

import "context"

// Filter reports whether the list of the call may show the object with a name. It is safe for
// concurrent use.
type Filter func(name string) bool

type scope struct {
	tenant  string
	fresh   bool
	visible Filter
	answer  *FreshnessRecorder
}

type scopeKey struct{}

// scoped is a context with a scope.
type scoped struct {
	context.Context //nolint:containedctx // a context has its parent

	scope scope
}

// Value implements context.Context.
func (c *scoped) Value(key any) any {
	if _, is := key.(scopeKey); is {
		return &c.scope
	}
	return c.Context.Value(key)
}

func from(ctx context.Context) scope {
	if s, is := ctx.Value(scopeKey{}).(*scope); is {
		return *s
	}
	return scope{}
}

// WithCall returns a context for a call that a tenant pays for. a receives the properties of the
// answer. fresh means that Cloudflare must answer a read (see WithFresh).
func WithCall(ctx context.Context, tenant string, a *FreshnessRecorder, fresh bool) context.Context {
	return &scoped{ctx, scope{tenant: tenant, answer: a, fresh: fresh}}
}

// WithTenant returns a context for a call that a tenant pays for.
func WithTenant(ctx context.Context, name string) context.Context {
	s := from(ctx)
	s.tenant = name
	return &scoped{ctx, s}
}

// Tenant returns the tenant that pays for a call, or "" if Storekeeper itself makes the call.
func Tenant(ctx context.Context) string { return from(ctx).tenant }

// WithFresh returns a context for a read that Cloudflare must answer. The answer is cached. If
// Cloudflare cannot be reached, the read fails.
func WithFresh(ctx context.Context) context.Context {
	s := from(ctx)
	s.fresh = true
	return &scoped{ctx, s}
}

// Fresh reports whether Cloudflare must answer a read, even if an answer is cached.
func Fresh(ctx context.Context) bool { return from(ctx).fresh }

// WithVisible returns a context for a call whose list contains only objects that f allows.
func WithVisible(ctx context.Context, f Filter) context.Context {
	s := from(ctx)
	s.visible = f
	return &scoped{ctx, s}
}

// Visible returns the filter of a call. Nil means that every object may be shown.
func Visible(ctx context.Context) Filter { return from(ctx).visible }
