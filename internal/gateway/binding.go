package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"platform.internal/storekeeper/internal/tracing"
)

// Channel carries an RPC. Its fill fills in the request, an empty message of the
// RPC's type. header is the header of the answer, also of a failed call.
type Channel interface {
	Call(ctx context.Context, rpc string, md metadata.MD, fill func(request any) error) (answer any, header metadata.MD, err error)
}

// binder serves the declared routes of one API on grpc-gateway's mux. The code
// that protoc-gen-grpc-gateway generates would do the same with a client of gRPC,
// whose metadata and messages would be copied on the way to the chain.
type binder struct {
	conn    Channel
	routes  *routes
	refused precheckFunc
	// query puts the checked parameters of an RPC into r.Form.
	query func(ctx context.Context, r *http.Request, rpc string)
	// read reads the body of an authenticated caller into a request.
	read func(b *body, request any) error
	// write writes an answer, and fail the refusal of an RPC, "" if no RPC was
	// reached. header is the header of the answer.
	write func(w http.ResponseWriter, header metadata.MD, answer proto.Message) error
	fail  func(w http.ResponseWriter, rpc string, header metadata.MD, err error)
}

// mux returns a mux with all routes.
func (b binder) mux(options ...runtime.ServeMuxOption) (*segmentMux, error) {
	options = append(options,
		runtime.WithErrorHandler(b.unread),
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptSlash),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithDisablePathLengthFallback(),
	)
	mux := &segmentMux{others: runtime.NewServeMux(options...)}
	for _, r := range b.routes.paths {
		if err := mux.of(r.path, options).HandlePath(r.method, r.path, b.bind(r)); err != nil {
			return nil, fmt.Errorf("the route %s %s: %w", r.method, r.path, err)
		}
	}
	return mux, nil
}

// unread answers a path that the mux cannot unescape.
//
//nolint:revive // grpc-gateway wants six parameters
func (b binder) unread(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
	b.fail(w, "", nil, err)
}

// bind returns the handler of a route: it fills in the request from the body, the
// path and the query, runs the RPC and writes its answer.
func (b binder) bind(to route) runtime.HandlerFunc {
	inBody := b.routes.bodies[to.rpc]
	outside := besideBody{fields: b.routes.requests[to.rpc].Fields(), query: inBody != "*", notInQuery: &utilities.DoubleArray{}}
	if inBody != "" {
		outside.notInQuery = utilities.NewDoubleArray([][]string{{inBody}})
	}
	return func(w http.ResponseWriter, r *http.Request, inPath map[string]string) {
		ctx := r.Context()
		nameSpan(ctx, r.Method, to.path)
		b.query(ctx, r, to.rpc)
		sent, _ := r.Body.(*body)
		if sent != nil && inBody != "" {
			sent.inPath = func(field string) bool { _, is := inPath[field]; return is }
			account, store := b.routes.target(to.rpc, inPath)
			sent.precheck(ctx, b.refused, to.rpc, account, store)
		}
		if sent != nil && inBody == "" {
			// net/http notices that the caller leaves only after the end of the body.
			_, _ = io.CopyN(io.Discard, sent, shortBody+1)
		}
		answer, header, err := b.conn.Call(ctx, to.rpc, incomingHeaders(r.Header), func(request any) error {
			// The body of a caller who will be refused is not there.
			if sent != nil && inBody != "" {
				if err := b.read(sent, request); err != nil {
					return err
				}
			}
			return outside.fillIn(request, inPath, r.Form)
		})
		if m, is := answer.(proto.Message); err == nil && is {
			err = b.write(w, header, m)
		}
		if err != nil {
			b.fail(w, to.rpc, header, err)
		}
	}
}

// besideBody fills in the fields of a request that are not in its body.
type besideBody struct {
	fields protoreflect.FieldDescriptors
	// query says that fields can be in the query, all but those of notInQuery.
	query      bool
	notInQuery *utilities.DoubleArray
}

// fillIn sets the fields of a request that are in the path or in the query.
func (o besideBody) fillIn(request any, inPath map[string]string, query url.Values) error {
	m, is := request.(proto.Message)
	if !is {
		return status.Errorf(codes.Internal, "%T is no message", request)
	}
	if o.query && len(query) > 0 {
		if err := runtime.PopulateQueryParameters(m, query, o.notInQuery); err != nil {
			return status.Error(codes.InvalidArgument, err.Error())
		}
	}
	// Behind the query, so that none of its parameters changes what the path names.
	for name, text := range inPath {
		m.ProtoReflect().Set(o.fields.ByName(protoreflect.Name(name)), protoreflect.ValueOfString(text))
	}
	return nil
}

// nameSpan gives the span of a request the name and the route that the semantic
// conventions ask for. The HTTP method is one of those of the routes.
func nameSpan(ctx context.Context, method, path string) {
	if span := tracing.Of(ctx); span.Recorded() {
		span.SetName(method + " " + path)
		span.SetText(tracing.RouteKey, path)
	}
}
