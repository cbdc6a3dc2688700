package authn

import "context"

// Authentication is the result of authenticating a call: a principal, or an error.
type Authentication struct {
	// Principal is the caller if Err is nil.
	Principal Principal
	// Err is a fault of kind Unauthenticated, or Unavailable if a token cannot
	// be verified now.
	Err error
}

// callIdentity is what is known of who makes a call: the result of authenticating it
// before the chain, or the principal that the chain has admitted.
type callIdentity struct {
	authentication *Authentication
	principal      *Principal
}

type identityKey struct{}

func identityFrom(ctx context.Context) callIdentity {
	i, _ := ctx.Value(identityKey{}).(callIdentity)
	return i
}

// WithAuthentication returns a context for a call that was authenticated before it
// entered the chain. The gateway authenticates early so that the body of an
// unauthenticated caller is never read. A context from the network cannot hold
// an Authentication.
func WithAuthentication(ctx context.Context, o Authentication) context.Context {
	return context.WithValue(ctx, identityKey{}, callIdentity{authentication: &o})
}

// AuthenticationFrom returns the Authentication in ctx, if there is one.
func AuthenticationFrom(ctx context.Context) (Authentication, bool) {
	if i := identityFrom(ctx); i.authentication != nil {
		return *i.authentication, true
	}
	return Authentication{}, false
}

// WithPrincipal returns a context for calls of p. Nobody may change p
// afterwards.
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, identityKey{}, callIdentity{principal: p})
}

// PrincipalFrom returns the caller, and false if the call was not
// authenticated.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	if i := identityFrom(ctx); i.principal != nil {
		return *i.principal, true
	}
	return Principal{}, false
}
