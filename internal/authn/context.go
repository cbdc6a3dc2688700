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

// identity is what is known of who makes a call: the result of authenticating it
// before the chain, or the principal that the chain has admitted.
type identity struct {
	result    *Result
	principal *Principal
}

type identityKey struct{}

func identityFrom(ctx context.Context) identity {
	i, _ := ctx.Value(identityKey{}).(identity)
	return i
}

// WithResult returns a context for a call that was authenticated before it
// entered the chain. The gateway authenticates early so that the body of an
// unauthenticated caller is never read. A context from the network cannot hold
// a Result.
func WithResult(ctx context.Context, o Result) context.Context {
	return context.WithValue(ctx, identityKey{}, identity{result: &o})
}

// ResultFrom returns the Result in ctx, if there is one.
func ResultFrom(ctx context.Context) (Result, bool) {
	if i := identityFrom(ctx); i.result != nil {
		return *i.result, true
	}
	return Result{}, false
}

// WithPrincipal returns a context for calls of p. Nobody may change p
// afterwards.
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, identityKey{}, identity{principal: p})
}

// PrincipalFrom returns the caller, and false if the call was not
// authenticated.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	if i := identityFrom(ctx); i.principal != nil {
		return *i.principal, true
	}
	return Principal{}, false
}
