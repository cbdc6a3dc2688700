package server

import (
	"context"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/telemetry"
)

// logPolicy says which log lines about unauthenticated callers are written.
type logPolicy int

const (
	// fullLog writes all lines. Lines about the health service are rate
	// limited.
	fullLog logPolicy = iota
	// boundedLog writes a limited number of lines per second.
	boundedLog
)

// observe times each call, writes its log line, and sends the headers of its
// answer.
func observe(log *zap.Logger, metrics *telemetry.Metrics, lines logPolicy, left share) grpc.UnaryServerInterceptor {
	unauthenticated := rate.NewLimiter(unauthenticatedPerSecond, unauthenticatedBurst)
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		call := telemetry.CallFrom(ctx)
		end := metrics.BeginRPC(info.FullMethod)
		start := time.Now()
		answer, err := next(ctx, req)
		latency := time.Since(start)
		end()
		code, facts := status.Code(err).String(), call.Facts()
		metrics.ObserveRPC(telemetry.RPC{
			Method: info.FullMethod, Protocol: facts.Protocol, Code: code, Own: facts.Own(latency), Exemplar: facts.Exemplar(),
		}, latency)
		// Only a closing transport refuses a header, and then nobody reads it.
		_ = grpc.SetHeader(ctx, answerHeaders(facts, left.infoOf(ctx)))
		cause := causeOf(ctx, err)
		count(ctx, metrics, cause)
		bounded := facts.Caller == "" && (lines == boundedLog || isHealth(info.FullMethod))
		if shouldLog(info.FullMethod, cause) && (!bounded || unauthenticated.Allow()) {
			telemetry.LogCall(log, call, telemetry.CallResult{Code: code, Latency: latency, Err: cause})
		}
		return answer, err
	}
}

// count counts a denial, and a read that the cache could answer.
func count(ctx context.Context, metrics *telemetry.Metrics, cause error) {
	if isDenial(cause) {
		metrics.CountDenial(reasonOf(cause))
	}
	t := auditFrom(ctx)
	if f, read := t.answer.Read(); read && t.call == nil {
		metrics.CountRead(f.Hit, f.Stale)
	}
}

// shouldLog reports whether a call is logged. A successful health check is not:
// one probe per second would hide everything else. A Watch that ends because
// its client left or its time is over is not logged either.
func shouldLog(method string, cause error) bool {
	if !isHealth(method) {
		return true
	}
	if cause == nil {
		return false
	}
	kind := fault.From(cause).Kind
	return kind != fault.Canceled && kind != fault.Deadline && kind != fault.Unavailable
}

// causeOf returns the fault that ended the call, with its private cause. It
// returns err if no fault was noted.
func causeOf(ctx context.Context, err error) error {
	if ended := auditFrom(ctx).failure; ended != nil {
		return ended
	}
	return err
}

// isHealth reports whether a method belongs to the health service, which is
// logged on failure only.
func isHealth(method string) bool { return strings.HasPrefix(method, healthService) }
