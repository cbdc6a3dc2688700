// Package gateway serves two REST APIs for Storekeeper's services: Cloudflare's API under
// /client/v4, path for path and field for field, and Storekeeper's own API under /storekeeper/v1,
// as plain JSON.
//
// The package does not know the purpose of a call. It authenticates early, so that the body of an
// unauthenticated caller is never read. It converts HTTP requests to RPCs over a connection, and
// converts answers and faults to Cloudflare's envelope, or to the JSON of the messages and of
// google.rpc.Status.
package gateway

import (
	"cmp"
	"context"
	"net/http"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/cfjson"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/forwarded"
	"platform.internal/storekeeper/internal/inflight"
)

// Root is the path at the end of a client's base URL.
const Root = "/client/v4"

// MaxBody is the maximum size of a body, in bytes: 100 secrets of 64 KiB with every byte escaped in
// JSON to six, and room for the rest.
const MaxBody = 48 << 20

// Config configures the gateway.
type Config struct {
	// Conn carries the RPCs.
	Conn Channel
	// Authenticate authenticates the caller.
	Authenticate func(context.Context, authn.Credentials) authn.Authentication
	// Proxies are the networks whose X-Forwarded-For header is trusted.
	Proxies forwarded.Proxies
	// Refused reports whether no rule can allow a call of a method on an account and a store, for
	// any body. The body of such a call is not read. A non-nil fault means that the decision is
	// impossible. If Refused is nil, every body is read.
	Refused func(ctx context.Context, method, account, store string) (bool, *fault.Error)
	// Bodies is the memory budget for bodies, shared with the gRPC server. If nil, the gateway has
	// a separate budget.
	Bodies *inflight.Bodies
	// Pages answers /openapi.json, /protos.binpb, /docs and /console, which need no credential.
	Pages http.Handler
	// Unrouted is called for a request that reached no RPC, for the log. id is the request id in
	// the answer.
	Unrouted func(r *http.Request, id string, status int)
}

// New returns the REST facade of both APIs.
func New(c Config) http.Handler {
	if c.Refused == nil {
		c.Refused = func(context.Context, string, string, string) (bool, *fault.Error) { return false, nil }
	}
	errors := &errorWriter{unrouted: c.Unrouted}
	nativeErrors := &nativeErrorWriter{unrouted: c.Unrouted}
	return &handler{
		cloudflare: api{next: newCloudflareRouter(c, errors), failures: errors}, errors: errors,
		native: api{next: newNativeRouter(c, nativeErrors), failures: nativeErrors},
		pages:  c.Pages, authenticate: c.Authenticate, proxies: c.Proxies,
		bodies: cmp.Or(c.Bodies, inflight.New(inflight.DefaultLimits())), nosniff: []string{"nosniff"},
	}
}

// newCloudflareRouter returns the router of Cloudflare's API. It sets the routes of
// errors.
func newCloudflareRouter(c Config, errors *errorWriter) *router {
	rules := readRoutes(identityv1.File_storekeeper_identity_v1_identity_proto, secretsstorev1.File_secretsstore_v1_service_proto)
	errors.routes = rules
	b := binder{
		conn: c.Conn, routes: rules, refused: c.Refused, query: readQuery,
		read:  func(b *body, request any) error { return cfjson.ReadRequest(b, bodyOf(request), b.found) },
		write: (&successWriter{}).write, fail: errors.fault,
	}
	return b.router(errors)
}

// bodyOf returns what the body of a request fills in: the request, or one of its
// fields.
func bodyOf(request any) any {
	if r, is := request.(*secretsstorev1.CreateSecretsRequest); is {
		return &r.Secrets
	}
	return request
}
