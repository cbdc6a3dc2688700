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

// logPolicy selects the log lines about unauthenticated callers.
type logPolicy int

const (
	// fullLog writes all lines. Lines about the health service are rate
	// limited.
	fullLog logPolicy = iota
	// boundedLog writes a limited number of lines per second.
	boundedLog
)

// observe measures each call, logs a line, and sends the headers of the answer.
func observe(log *zap.Logger, metrics *telemetry.Metrics, lines logPolicy, left share) grpc.UnaryServerInterceptor {
	o := &observer{
		log: log, metrics: metrics, lines: lines, left: left,
		unauthenticated: rate.NewLimiter(unauthenticatedPerSecond, unauthenticatedBurst),
	}
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		call := telemetry.CallFrom(ctx)
		end := metrics.BeginRPC(info.FullMethod)
		start := time.Now()
		answer, err := next(ctx, req)
		latency := time.Since(start)
		end()
		o.ended(ctx, call, info.FullMethod, latency, err)
		return answer, err
	}
}

// observer is the configuration of observe.
type observer struct {
	log     *zap.Logger
	metrics *telemetry.Metrics
	lines   logPolicy
	left    share
	// unauthenticated limits the lines about unauthenticated callers.
	unauthenticated *rate.Limiter
}

// ended observes a call that ended with err.
func (o *observer) ended(ctx context.Context, call *telemetry.Call, method string, latency time.Duration, err error) {
	code, facts := status.Code(err).String(), call.Facts()
	o.metrics.ObserveRPC(telemetry.RPC{
		Method: method, Protocol: facts.Protocol, Code: code, Own: facts.Own(latency), Exemplar: facts.Exemplar(),
	}, latency)
	// SetHeader fails only if the transport is closing, and then the client receives no header.
	_ = grpc.SetHeader(ctx, answerHeaders(facts, o.left.infoOf(ctx)))
	cause := causeOf(ctx, err)
	count(ctx, o.metrics, cause)
	bounded := facts.Caller == "" && (o.lines == boundedLog || isHealth(method))
	if shouldLog(method, cause) && (!bounded || o.unauthenticated.Allow()) {
		telemetry.LogCall(o.log, call, telemetry.CallResult{Code: code, Latency: latency, Err: cause})
	}
}

// count counts denials, and reads that are answered by the cache.
func count(ctx context.Context, metrics *telemetry.Metrics, cause error) {
	if isDenial(cause) {
		metrics.CountDenial(reasonOf(cause))
	}
	t := auditFrom(ctx)
	if f, read := t.answer.Read(); read && t.call == nil {
		metrics.CountRead(f.Hit, f.Stale)
	}
}

// shouldLog reports whether a call is logged. A successful health check is not logged, because a
// probe per second would hide all other lines. A Watch that ends because the client left or the
// time limit passed is not logged either.
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

// causeOf returns the fault that ended the call, with the private cause, or else err.
func causeOf(ctx context.Context, err error) error {
	if ended := auditFrom(ctx).failure; ended != nil {
		return ended
	}
	return err
}

// isHealth reports whether a method belongs to the health service.
func isHealth(method string) bool { return strings.HasPrefix(method, healthService) }
