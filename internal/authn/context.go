package authn

import "context"

// Authentication is the result of authenticating a call: a principal, or an error.
type Authentication struct {
	// Principal is the caller if Err is nil.
	Principal Principal
	// Err is a fault of kind Unauthenticated, or Unavailable if a token cannot
	// be verified now.
	Err error

	// credentials were authenticated by the callers of this generation. 0: by
	// none.
	credentials Credentials
	generation  uint64
}

// Identify is Authenticate with a result that Recheck can check again.
func (a *Authenticator) Identify(ctx context.Context, c Credentials) Authentication {
	o := Authentication{credentials: c, generation: a.now.Load().generation}
	o.Principal, o.Err = a.Authenticate(ctx, c)
	return o
}

// Recheck returns o, or authenticates the call again if the callers were replaced
// since: the body of a call may take minutes to arrive.
func (a *Authenticator) Recheck(ctx context.Context, o Authentication) Authentication {
	if o.Err != nil || o.generation == 0 || o.generation == a.now.Load().generation {
		return o
	}
	return a.Identify(ctx, o.credentials)
}

// identityKey is the key of the identity of a caller: the *Authentication before the chain, or the *Principal
// that the chain has admitted.
type identityKey struct{}

// WithAuthentication returns a context for a call that was authenticated before the chain. The gateway
// authenticates early so that the body of an unauthenticated caller is never read. A context from the network
// cannot hold an Authentication. The caller must not modify o afterwards.
func WithAuthentication(ctx context.Context, o *Authentication) context.Context {
	return context.WithValue(ctx, identityKey{}, o)
}

// AuthenticationFrom returns the Authentication in ctx, if there is one.
func AuthenticationFrom(ctx context.Context) (Authentication, bool) {
	if o, is := ctx.Value(identityKey{}).(*Authentication); is {
		return *o, true
	}
	return Authentication{}, false
}

// WithPrincipal returns a context for calls of p. The caller must not modify p afterwards.
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, identityKey{}, p)
}

// PrincipalFrom returns the caller, and false if the call was not
// authenticated.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	if p, is := ctx.Value(identityKey{}).(*Principal); is {
		return *p, true
	}
	return Principal{}, false
}
