// Package gateway serves Cloudflare's REST API in front of our services, path
// for path and field for field.
//
// It must not know what a call does: it authenticates early so that a
// stranger's body is never read, turns HTTP into RPCs over the connection it is
// given, and turns answers and faults into Cloudflare's envelope.
package gateway

import (
	"cmp"
	"context"
	"fmt"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/forwarded"
	"platform.internal/storekeeper/internal/inflight"
)

// Root is the path that a client's base URL ends in.
const Root = "/client/v4"

// MaxBody is the longest body that is read, in bytes: 100 secrets of 64 KiB,
// each byte of which JSON may write as six, and room for what stands around
// them.
const MaxBody = 48 << 20

// Config is what the gateway needs.
type Config struct {
	// Conn carries the RPCs.
	Conn grpc.ClientConnInterface
	// Authenticate finds out who is calling.
	Authenticate func(context.Context, authn.Credentials) (authn.Principal, error)
	// Proxies may name the client of a call in X-Forwarded-For.
	Proxies forwarded.Proxies
	// Refused reports whether no rule could allow a call of a method about an
	// account and a store, whatever its body says, so that the body of such a call
	// is not read. The fault, where there is one, is why that cannot be told. Nil:
	// every body is read.
	Refused func(ctx context.Context, method, account, store string) (bool, *fault.Error)
	// Bodies is the budget for the bodies that are read, which the gRPC server
	// shares. Nil: one of the gateway's own.
	Bodies *inflight.Bodies
	// Docs answers /openapi.json, /protos.binpb and /docs, the paths that need no
	// credential.
	Docs http.Handler
	// Unrouted is told of a request that reached no RPC, for the log. id is the
	// request id that the answer carries.
	Unrouted func(r *http.Request, id string, status int)
}

// New returns the REST facade.
func New(ctx context.Context, c Config) (http.Handler, error) {
	if c.Refused == nil {
		c.Refused = func(context.Context, string, string, string) (bool, *fault.Error) { return false, nil }
	}
	rules := readRoutes(secretsstorev1.File_secretsstore_v1_service_proto, identityv1.File_storekeeper_identity_v1_identity_proto)
	answer := &errorWriter{routes: rules, unrouted: c.Unrouted}
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, marshaler{}),
		runtime.WithIncomingHeaderMatcher(incomingHeader),
		runtime.WithOutgoingHeaderMatcher(noHeaders),
		runtime.WithMetadata((&precheck{routes: rules, refused: c.Refused}).beforeRequest),
		runtime.WithForwardResponseOption((&successWriter{}).write),
		runtime.WithErrorHandler(answer.fault),
		runtime.WithRoutingErrorHandler(answer.unroutable),
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptSlash),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithDisablePathLengthFallback(),
	)
	// The mux tries what was registered last first, and most calls are about
	// secrets.
	if err := identityv1.RegisterIdentityServiceHandlerClient(ctx, mux, identityv1.NewIdentityServiceClient(c.Conn)); err != nil {
		return nil, fmt.Errorf("register the identity routes: %w", err)
	}
	if err := secretsstorev1.RegisterSecretsStoreServiceHandlerClient(ctx, mux, secretsstorev1.NewSecretsStoreServiceClient(c.Conn)); err != nil {
		return nil, fmt.Errorf("register the secrets store routes: %w", err)
	}
	return &handler{next: mux, docs: c.Docs, authenticate: c.Authenticate, proxies: c.Proxies, errors: answer, bodies: cmp.Or(c.Bodies, inflight.New(inflight.DefaultLimits())), nosniff: []string{"nosniff"}}, nil
}
