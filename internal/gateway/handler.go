package gateway

import (
	"context"
	"net"
	"net/http"
	"strings"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/forwarded"
	"platform.internal/storekeeper/internal/inflight"
)

// idempotencyKey is the header by which a caller names a change.
const idempotencyKey = "Idempotency-Key"

// handler prepares each request for the mux.
type handler struct {
	next         http.Handler
	docs         http.Handler
	authenticate func(context.Context, authn.Credentials) (authn.Principal, error)
	proxies      forwarded.Proxies
	errors       *errorWriter
	bodies       *inflight.Bodies
	// nosniff is the value of a header of every answer. Nobody changes it.
	nosniff []string
}

// ServeHTTP answers one request. Whatever happens, the answer is an envelope.
func (f *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer f.errors.recoverPanic(w, r)
	w.Header()["X-Content-Type-Options"] = f.nosniff
	r.RemoteAddr = f.proxies.Client(r.RemoteAddr, r.Header["X-Forwarded-For"])
	// The path is taken apart as it was sent, so that an escaped slash stays
	// part of an identifier, which is then refused.
	path := tidyPath(r.URL.EscapedPath())
	switch {
	case path == "/openapi.json" || path == "/protos.binpb" || path == "/docs" || strings.HasPrefix(path, "/docs/"):
		f.docs.ServeHTTP(w, r)
	case wrongBase(path):
		f.errors.wrongBase(w, r)
	case emptySegment(path):
		f.errors.noRoute(w, r)
	default:
		r.URL.RawPath = path
		r = f.authenticateRequest(w, r)
		if held := inflight.From(r.Context()); held != nil {
			defer held.Release()
		}
		f.next.ServeHTTP(w, r)
	}
}

// authenticateRequest finds out who calls and makes the request ready for decoding. An
// unknown caller's body is dropped unread; the chain then refuses the call, in
// the place and with the record that every refusal has.
func (f *handler) authenticateRequest(w http.ResponseWriter, r *http.Request) *http.Request {
	h := r.Header
	principal, err := f.authenticate(r.Context(), credentialsOf(r))
	dropHeaders(h)
	invalidateKey(h)
	a := newRequestState(r)
	ctx := authn.WithResult(r.Context(), authn.Result{Principal: principal, Err: err})
	ctx = contract.WithMistakes(peer.NewContext(ctx, &a.peer), &a.found)
	hasBody := err == nil && (r.Body != http.NoBody || r.Method != http.MethodGet)
	var held *inflight.Body
	if hasBody {
		held = f.bodies.Open(principal.Name)
		ctx = inflight.With(ctx, held)
	}
	r = r.WithContext(ctx)
	// grpc-gateway would make metadata of them, which nobody reads: the chain
	// has the peer.
	r.Host, r.RemoteAddr = "", ""
	switch {
	case err != nil:
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

// leaveUnread drops the body of a request. The HTTP server would wait for what
// is left of it before it answers, to use the connection again.
func leaveUnread(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		w.Header().Set("Connection", "close")
	}
	r.Body = http.NoBody
}

// dropHeaders takes away what would change how the request is read: a form's
// content type makes ParseForm swallow the body, TE asks for trailers. The
// credential has served its purpose and goes no further, and who forwarded the
// call is of no interest.
func dropHeaders(h http.Header) {
	// The names are in the form that the HTTP server gives them.
	for _, name := range [...]string{
		"Authorization", "X-Auth-Email", "X-Auth-Key", "X-Auth-User-Service-Key", "Content-Type", "Te", "Grpc-Timeout",
		"X-Forwarded-For", "X-Forwarded-Host",
	} {
		delete(h, name)
	}
}

// invalidateKey makes a key that metadata cannot carry into one that the chain
// refuses. It would be dropped otherwise, and the change made without it.
func invalidateKey(h http.Header) {
	for _, key := range h.Values(idempotencyKey) {
		if strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
			h.Set(idempotencyKey, "not visible ASCII")
			return
		}
	}
}

// tidyPath removes the doubled slash that Wrangler makes when its base URL
// ends in one. Slashes further in are left alone: an empty identifier must not
// turn into another path.
func tidyPath(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		path = "/" + strings.TrimLeft(path, "/")
	}
	if rest, ok := strings.CutPrefix(path, Root+"//"); ok {
		path = Root + "/" + strings.TrimLeft(rest, "/")
	}
	return path
}

// emptySegment recognises a path with an identifier that was left empty, which
// the mux would take for one like any other.
func emptySegment(path string) bool {
	return strings.Contains(path, "//") || strings.HasSuffix(path, "/")
}

// wrongBase recognises a client whose base URL lacks Root. A plain 404 would
// make Terraform forget what it manages.
func wrongBase(path string) bool {
	return !strings.HasPrefix(path, Root+"/") &&
		(strings.Contains(path, "/secrets_store/") || strings.HasPrefix(path, "/accounts/") || strings.HasPrefix(path, "/user/tokens/"))
}

// requestState is what a request brings along to the chain, in one piece of memory.
type requestState struct {
	found      contract.Mistakes
	peer       peer.Peer
	remoteAddr remoteAddr
}

// remoteAddr is the address of a client as the HTTP server has written it down.
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
