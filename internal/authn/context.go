package authn

import "context"

// Outcome is what authenticating a call gave: a principal, or why there is
// none.
type Outcome struct {
	// Principal is the caller when Err is nil.
	Principal Principal
	// Err is a fault of kind Unauthenticated or, where a token cannot be judged
	// now, Unavailable.
	Err error
}

type outcomeKey struct{}

type principalKey struct{}

// WithOutcome returns a context for a call that was authenticated before it
// entered the chain. The gateway does that so that the body of an unknown
// caller is never read. A context from the network cannot hold an outcome.
func WithOutcome(ctx context.Context, o Outcome) context.Context {
	return context.WithValue(ctx, outcomeKey{}, o)
}

// OutcomeFrom returns the outcome in ctx, if there is one.
func OutcomeFrom(ctx context.Context) (Outcome, bool) {
	o, ok := ctx.Value(outcomeKey{}).(Outcome)
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
