package gateway

import (
	"context"
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

// binder serves the declared routes of one API. The code that
// protoc-gen-grpc-gateway generates would do the same with a router that copies each
// request, and a client of gRPC that copies metadata and messages.
type binder struct {
	conn    Channel
	routes  *routes
	refused precheckFunc
	// query puts the checked parameters of the query into r.Form. inPath holds the
	// values of the route's parameters.
	query func(ctx context.Context, r *http.Request, to *route, inPath []string)
	// read reads the body of an authenticated caller into a request.
	read func(b *body, request any) error
	// write writes an answer, and fail the refusal of an RPC. header is the header
	// of the answer.
	write func(w http.ResponseWriter, r *http.Request, header metadata.MD, answer proto.Message) error
	fail  func(w http.ResponseWriter, rpc string, header metadata.MD, err error)
}

// router returns a router of all routes. failures answers a request that no RPC serves.
func (b binder) router(failures failures) *router {
	m := &router{routes: b.routes, failures: failures}
	for _, to := range b.routes.paths {
		m.add(boundRoute{route: to, serve: b.bind(to)})
	}
	return m
}

// bind returns the handler of a route: it fills in the request from the body, the
// path and the query, runs the RPC and writes its answer.
func (b binder) bind(to *route) func(w http.ResponseWriter, r *http.Request, inPath []string) {
	inBody := b.routes.bodies[to.rpc]
	outside := besideBody{parameters: to.parameters, query: inBody != "*", notInQuery: &utilities.DoubleArray{}}
	if inBody != "" {
		outside.notInQuery = utilities.NewDoubleArray([][]string{{inBody}})
	}
	isInPath := to.inPath
	return func(w http.ResponseWriter, r *http.Request, inPath []string) {
		ctx := r.Context()
		nameSpan(ctx, r.Method, to.path)
		b.query(ctx, r, to, inPath)
		sent, _ := r.Body.(*body)
		if sent != nil && inBody != "" {
			sent.inPath = isInPath
			account, store := to.target(inPath)
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
			err = b.write(w, r, header, m)
		}
		if err != nil {
			b.fail(w, to.rpc, header, err)
		}
	}
}

// besideBody fills in the fields of a request that are not in its body.
type besideBody struct {
	parameters []pathParameter
	// query says that fields can be in the query, all but those of notInQuery.
	query      bool
	notInQuery *utilities.DoubleArray
}

// fillIn sets the fields of a request that are in the path or in the query.
func (o besideBody) fillIn(request any, inPath []string, query url.Values) error {
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
	fields := m.ProtoReflect()
	for i, in := range o.parameters {
		fields.Set(in.field, protoreflect.ValueOfString(inPath[i]))
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
