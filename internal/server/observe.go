package server

import (
	"context"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/telemetry"
)

// logPolicy says which lines about unauthenticated callers are written.
type logPolicy int

const (
	// fullLog writes all lines, but those about the health service are bounded.
	fullLog logPolicy = iota
	// boundedLog writes so many lines a second.
	boundedLog
)

// observe times each call and writes its one line.
func observe(log *zap.Logger, metrics *telemetry.Metrics, lines logPolicy) grpc.UnaryServerInterceptor {
	strangers := rate.NewLimiter(unauthenticatedPerSecond, unauthenticatedBurst)
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		call := telemetry.CallFrom(ctx)
		end := metrics.BeginRPC(info.FullMethod)
		start := time.Now()
		answer, err := next(ctx, req)
		latency := time.Since(start)
		end()
		code, facts := status.Code(err).String(), call.Facts()
		metrics.ObserveRPC(telemetry.RPC{Method: info.FullMethod, Protocol: facts.Protocol, Code: code}, latency)
		// Only a transport that is closing refuses a header, and then nobody reads it.
		_ = grpc.SetHeader(ctx, answerHeaders(facts))
		cause := causeOf(ctx, err)
		bounded := facts.Caller == "" && (lines == boundedLog || isHealth(info.FullMethod))
		if shouldLog(info.FullMethod, cause) && (!bounded || strangers.Allow()) {
			telemetry.LogCall(log, call, telemetry.CallResult{Code: code, Latency: latency, Err: cause})
		}
		return answer, err
	}
}

// shouldLog says whether a call is logged. A probe a second would hide
// everything else, and a Watch ends because its client leaves or its time is over.
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

// maxAnswerHeaders is how many headers relayed can give.
const maxAnswerHeaders = 7

// answerHeaders gives the headers that say which call it was and how the answer came
// about.
func answerHeaders(f telemetry.Facts) metadata.MD {
	// All values lie in one piece of memory.
	md, values := metadata.MD{}, make([]string, 0, maxAnswerHeaders)
	set := func(key, value string) {
		n := len(values)
		values = append(values, value)
		md[key] = values[n : n+1 : n+1]
	}
	set(requestID, f.RequestID)
	if n := len(f.Rays); n > 0 {
		set("cf-ray", f.Rays[n-1])
	}
	if f.Limit != "" {
		set("ratelimit", f.Limit)
	}
	if f.Policy != "" {
		set("ratelimit-policy", f.Policy)
	}
	if f.Replayed {
		set("idempotent-replayed", "true")
	}
	if f.Freshness.Hit {
		// RFC 9111 and RFC 9211.
		set("age", strconv.Itoa(int(f.Freshness.Age/time.Second)))
		status := "storekeeper; hit"
		if f.Freshness.Stale {
			status += "; detail=stale"
		}
		set("cache-status", status)
	}
	return md
}

// causeOf gives the fault behind what a call ended in, or err itself where none
// was noted.
func causeOf(ctx context.Context, err error) error {
	if ended := auditFrom(ctx).failure; ended != nil {
		return ended
	}
	return err
}

// isHealth says whether a method is left out of the log while all is well.
func isHealth(method string) bool { return strings.HasPrefix(method, healthService) }
