package server

import (
	"context"
	"slices"
	"sync"

	"google.golang.org/grpc"
)

// compiledChain is the chain as one interceptor. It puts the steps together once for
// each method and not for each call: what it is given of a method, which is the
// service and its handler, is the same in all calls.
type compiledChain struct {
	chain []grpc.UnaryServerInterceptor
	// handlers holds a grpc.UnaryHandler for each full method name. Only methods
	// that are registered get here.
	handlers sync.Map
}

// intercept runs a call through the chain.
func (l *compiledChain) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if known, ok := l.handlers.Load(info.FullMethod); ok {
		if way, ok := known.(grpc.UnaryHandler); ok {
			return way(ctx, req)
		}
	}
	way := l.compile(info, handler)
	l.handlers.Store(info.FullMethod, way)
	return way(ctx, req)
}

// compile puts the steps before a handler, the first one outermost.
func (l *compiledChain) compile(info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) grpc.UnaryHandler {
	next := handler
	for _, outer := range slices.Backward(l.chain) {
		inner := next
		next = func(ctx context.Context, req any) (any, error) { return outer(ctx, req, info, inner) }
	}
	return next
}
