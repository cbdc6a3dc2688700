package authn

import "context"

// Result is what authenticating a call gave: a principal, or why there is
// none.
type Result struct {
	// Principal is the caller when Err is nil.
	Principal Principal
	// Err is a fault of kind Unauthenticated or, where a token cannot be judged
	// now, Unavailable.
	Err error
}

type resultKey struct{}

type principalKey struct{}

// WithResult returns a context for a call that was authenticated before it
// entered the chain. The gateway does that so that the body of an unknown
// caller is never read. A context from the network cannot hold an outcome.
func WithResult(ctx context.Context, o Result) context.Context {
	return context.WithValue(ctx, resultKey{}, o)
}

// ResultFrom returns the outcome in ctx, if there is one.
func ResultFrom(ctx context.Context) (Result, bool) {
	o, ok := ctx.Value(resultKey{}).(Result)
	return o, ok
}

// WithPrincipal returns a context for calls made by p, which nobody may change
// from then on.
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom returns the caller, and false where nobody was authenticated.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	if p, ok := ctx.Value(principalKey{}).(*Principal); ok {
		return *p, true
	}
	return Principal{}, false
}
