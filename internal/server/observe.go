package server

import (
	"context"
	"strings"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"platform.internal/storekeeper/internal/telemetry"
)

// observe times each call and writes its one line.
func observe(log *zap.Logger, metrics *telemetry.Metrics) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		call := telemetry.CallFrom(ctx)
		end := metrics.BeginRPC(info.FullMethod)
		start := time.Now()
		cause := &ending{}
		answer, err := next(context.WithValue(ctx, endingKey{}, cause), req)
		latency := time.Since(start)
		end()
		code, facts := status.Code(err).String(), call.Facts()
		metrics.ObserveRPC(telemetry.RPC{Method: info.FullMethod, Protocol: facts.Protocol, Code: code}, latency)
		if n := len(facts.Rays); n > 0 {
			_ = grpc.SetHeader(ctx, metadata.Pairs("cf-ray", facts.Rays[n-1]))
		}
		if err != nil || !quiet(info.FullMethod) {
			telemetry.LogCall(log, call, telemetry.Outcome{Code: code, Latency: latency, Err: cause.of(err)})
		}
		return answer, err
	}
}

// ending keeps the fault that a call ended in, with its private cause, for the
// log: what the interceptors above faultToStatus see is the public half.
type ending struct{ fault error }

type endingKey struct{}

// of returns the fault behind err, or err itself where no fault was noted.
func (e *ending) of(err error) error {
	if e.fault != nil {
		return e.fault
	}
	return err
}

// noteEnding keeps the fault of a call for its log line.
func noteEnding(ctx context.Context, fault error) {
	if e, ok := ctx.Value(endingKey{}).(*ending); ok {
		e.fault = fault
	}
}

// quiet says whether a method is left out of the log while all is well: a
// health probe a second hides everything else.
func quiet(method string) bool { return strings.HasPrefix(method, healthService) }
