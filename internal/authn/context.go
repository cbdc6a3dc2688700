package authn

import "context"

// Result is the result of authenticating a call: a principal, or an error.
type Result struct {
	// Principal is the caller if Err is nil.
	Principal Principal
	// Err is a fault of kind Unauthenticated, or Unavailable if a token cannot
	// be verified now.
	Err error
}

type resultKey struct{}

type principalKey struct{}

// WithResult returns a context for a call that was authenticated before it
// entered the chain. The gateway authenticates early so that the body of an
// unauthenticated caller is never read. A context from the network cannot hold
// a Result.
func WithResult(ctx context.Context, o Result) context.Context {
	return context.WithValue(ctx, resultKey{}, o)
}

// ResultFrom returns the Result in ctx, if there is one.
func ResultFrom(ctx context.Context) (Result, bool) {
	o, ok := ctx.Value(resultKey{}).(Result)
	return o, ok
}

// WithPrincipal returns a context for calls of p. Nobody may change p
// afterwards.
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom returns the caller, and false if the call was not
// authenticated.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	if p, ok := ctx.Value(principalKey{}).(*Principal); ok {
		return *p, true
	}
	return Principal{}, false
}
