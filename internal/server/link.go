package server

import (
	"context"
	"slices"
	"sync"

	"google.golang.org/grpc"
)

// linked is the chain as one interceptor. It puts the steps together once for
// each method and not for each call: what it is given of a method, which is the
// service and its handler, is the same in all calls.
type linked struct {
	chain []grpc.UnaryServerInterceptor
	// ways holds a grpc.UnaryHandler for each full method name. Only methods
	// that are registered get here.
	ways sync.Map
}

// call runs a call through the chain.
func (l *linked) call(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if known, ok := l.ways.Load(info.FullMethod); ok {
		if way, ok := known.(grpc.UnaryHandler); ok {
			return way(ctx, req)
		}
	}
	way := l.way(info, handler)
	l.ways.Store(info.FullMethod, way)
	return way(ctx, req)
}

// way puts the steps before a handler, the first one outermost.
func (l *linked) way(info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) grpc.UnaryHandler {
	next := handler
	for _, outer := range slices.Backward(l.chain) {
		inner := next
		next = func(ctx context.Context, req any) (any, error) { return outer(ctx, req, info, inner) }
	}
	return next
}
