package server

import (
	"context"
	"slices"
	"sync"

	"google.golang.org/grpc"
)

// compiledChain composes the chain once per method and not once per call. The service and the
// handler of a method are the same for all calls.
type compiledChain struct {
	chain []grpc.UnaryServerInterceptor
	// handlers holds a grpc.UnaryHandler per full method name. Only registered
	// methods are added.
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

// compile composes the steps before a handler, the first step outermost.
func (l *compiledChain) compile(info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) grpc.UnaryHandler {
	next := handler
	for _, outer := range slices.Backward(l.chain) {
		inner := next
		next = func(ctx context.Context, req any) (any, error) { return outer(ctx, req, info, inner) }
	}
	return next
}
