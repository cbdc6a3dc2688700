package gateway

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/forwarded"
	"platform.internal/storekeeper/internal/inflight"
)

// idempotencyKey is the header of the idempotency key.
const idempotencyKey = "Idempotency-Key"

// api is one of the two APIs: the router, and the form of failures.
type api struct {
	next     http.Handler
	failures failures
}

// failures writes the failures that the gateway itself generates, in the form of one API.
type failures interface {
	noRoute(w http.ResponseWriter, r *http.Request)
	// noMethod answers a path that has other methods. allowed lists them.
	noMethod(w http.ResponseWriter, r *http.Request, allowed string)
	panicked(w http.ResponseWriter, r *http.Request)
}

// handler prepares each request for the router of its API.
type handler struct {
	cloudflare, native api

	pages        http.Handler
	authenticate func(context.Context, authn.Credentials) authn.Authentication
	proxies      forwarded.Proxies
	errors       *errorWriter
	bodies       *inflight.Bodies
	// nosniff is the value of a header of every answer. It must not be changed.
	nosniff []string
}

// ServeHTTP answers one request.
func (f *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	to := f.apiOf(r.URL.Path)
	defer recoverPanic(to.failures, w, r)
	w.Header()["X-Content-Type-Options"] = f.nosniff
	r.RemoteAddr = f.proxies.Client(r.RemoteAddr, r.Header["X-Forwarded-For"])
	// The escaped path is routed, so that an escaped slash stays part of an identifier, and the
	// identifier is refused.
	path := tidyPath(r.URL.EscapedPath())
	switch {
	case isPage(path):
		f.pages.ServeHTTP(w, r)
	case wrongBase(path):
		f.errors.wrongBase(w, r)
	case emptySegment(path):
		to.failures.noRoute(w, r)
	default:
		r.URL.RawPath = path
		r = f.authenticateRequest(w, r)
		if held := inflight.From(r.Context()); held != nil {
			defer held.Release()
		}
		to.next.ServeHTTP(w, r)
	}
}

// apiOf returns the API of a path. Every path outside Storekeeper's own API is answered in
// Cloudflare's form.
func (f *handler) apiOf(path string) api {
	if isNative(path) {
		return f.native
	}
	return f.cloudflare
}

// recoverPanic handles a panic in the gateway itself. The chain handles panics in the chain. The
// panic value is not passed on, because it may contain data of a caller.
func recoverPanic(to failures, w http.ResponseWriter, r *http.Request) {
	if v := recover(); v != nil {
		to.panicked(w, r)
	}
}

// authenticateRequest authenticates the caller and prepares the request for decoding. The body of
// an unauthenticated caller is dropped unread. The chain then refuses the call, in the same place
// and with the same audit record as every other refusal.
func (f *handler) authenticateRequest(w http.ResponseWriter, r *http.Request) *http.Request {
	h := r.Header
	a := newRequestState(r)
	a.caller = f.authenticate(r.Context(), credentialsOf(r))
	caller := &a.caller
	dropHeaders(h)
	invalidateKey(h)
	ctx := authn.WithAuthentication(r.Context(), caller)
	ctx = contract.WithMistakes(peer.NewContext(ctx, &a.peer), &a.found)
	hasBody := caller.Err == nil && (r.Body != http.NoBody || r.Method != http.MethodGet)
	var held *inflight.Body
	if hasBody {
		held = f.bodies.Open(caller.Principal.Name)
		ctx = inflight.With(ctx, held)
	}
	r = r.WithContext(ctx)
	switch {
	case caller.Err != nil:
		leaveUnread(w, r)
	case hasBody:
		r.Body = newBody(w, r, held, &a.found)
	}
	return r
}

func credentialsOf(r *http.Request) authn.Credentials {
	h := r.Header
	c := authn.ReadHeaders(h["Authorization"], h["X-Auth-Email"], h["X-Auth-Key"])
	if r.TLS != nil {
		c.Chains = r.TLS.VerifiedChains
	}
	return c
}

// leaveUnread drops the body of a request. The connection is closed, because
// the HTTP server would read the rest of the body to reuse the connection.
func leaveUnread(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		w.Header().Set("Connection", "close")
	}
	r.Body = http.NoBody
}

// dropHeaders removes headers that would change how the request is read: the content type of a form
// makes ParseForm consume the body, and TE requests trailers. It also removes the forwarding
// headers, and the credential, which is not needed any more.
func dropHeaders(h http.Header) {
	// The names are in canonical form.
	for _, name := range [...]string{
		"Authorization", "X-Auth-Email", "X-Auth-Key", "X-Auth-User-Service-Key", "Content-Type", "Te", "Grpc-Timeout",
		"X-Forwarded-For", "X-Forwarded-Host",
	} {
		delete(h, name)
	}
}

// invalidateKey replaces an idempotency key that metadata cannot carry by one
// that the chain refuses. Without a key the change would be made without
// protection.
func invalidateKey(h http.Header) {
	if slices.ContainsFunc(h[idempotencyKey], unprintable) {
		h.Set(idempotencyKey, "not visible ASCII")
	}
}

// tidyPath removes the double slash that Wrangler sends if the base URL ends in a slash, for both
// APIs. Other double slashes are kept: an empty identifier must not lead to another path.
func tidyPath(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		path = "/" + strings.TrimLeft(path, "/")
	}
	for _, root := range [...]string{Root, NativeRoot} {
		if rest, ok := strings.CutPrefix(path, root+"//"); ok {
			return root + "/" + strings.TrimLeft(rest, "/")
		}
	}
	return path
}

// emptySegment reports whether a path has an empty identifier, which names nothing.
func emptySegment(path string) bool {
	return strings.Contains(path, "//") || strings.HasSuffix(path, "/")
}

// wrongBase reports whether the base URL of the client lacks Root. After a plain 404 Terraform
// would remove everything from its state.
func wrongBase(path string) bool {
	return !strings.HasPrefix(path, Root+"/") && !isNative(path) &&
		(strings.Contains(path, "/secrets_store/") || strings.HasPrefix(path, "/accounts/") || strings.HasPrefix(path, "/user/tokens/"))
}

// requestState holds the context values of a request, in one allocation.
type requestState struct {
	caller     authn.Authentication
	found      contract.Mistakes
	peer       peer.Peer
	remoteAddr remoteAddr
}

// remoteAddr is the address of a client in the form of http.Request.RemoteAddr.
type remoteAddr string

var _ net.Addr = (*remoteAddr)(nil)

// Network returns the kind of network.
func (*remoteAddr) Network() string { return "tcp" }

// String returns the address.
func (r *remoteAddr) String() string { return string(*r) }

func newRequestState(r *http.Request) *requestState {
	a := &requestState{remoteAddr: remoteAddr(r.RemoteAddr)}
	if a.remoteAddr != "" {
		a.peer.Addr = &a.remoteAddr
	}
	if r.TLS != nil {
		a.peer.AuthInfo = credentials.TLSInfo{State: *r.TLS}
	}
	return a
}

// isPage reports whether a path is one of the public files and pages.
func isPage(path string) bool {
	switch path {
	case "/openapi.json", "/protos.binpb", "/docs", "/console":
		return true
	}
	return strings.HasPrefix(path, "/docs/") || strings.HasPrefix(path, "/console/")
}
