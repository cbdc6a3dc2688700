package server

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"google.golang.org/grpc"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/telemetry"
)

// recoverPanic turns a panic into an Internal fault.
func recoverPanic(metrics *telemetry.Metrics) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		return guarded(ctx, req, metrics, next)
	}
}

// guarded calls next and turns a panic into an Internal fault.
func guarded(ctx context.Context, req any, metrics *telemetry.Metrics, next grpc.UnaryHandler) (answer any, err error) {
	defer func() {
		if v := recover(); v != nil {
			metrics.CountPanic()
			answer, err = nil, fault.From(&panicError{what: describe(v), stack: debug.Stack()})
		}
	}()
	return next(ctx, req)
}

// panicError is a panic as the log shows it.
type panicError struct {
	what  string
	stack []byte
}

// Error describes the panic and the stack. The stack holds functions and lines, but no values.
func (p *panicError) Error() string { return "panic: " + p.what + "\n" + string(p.stack) }

// describe describes a panic without its value, which may be a text with a secret. Runtime errors
// hold only numbers and types.
func describe(v any) string {
	if err, ok := v.(error); ok {
		if own, ok := errors.AsType[runtime.Error](err); ok {
			return own.Error()
		}
	}
	return fmt.Sprintf("a value of type %T, not shown", v)
}
