package telemetry

import (
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"platform.internal/storekeeper/internal/fault"
)

// maxErrorText is the number of bytes of an error that are logged.
const maxErrorText = 4096

// CallResult is the result of a call.
type CallResult struct {
	// Code is the name of the status, such as "NotFound".
	Code string
	// Latency is the duration of the call.
	Latency time.Duration
	// Err is the error with its private cause, or nil for success. It contains no secrets.
	Err error
}

// LogCall writes the log line of a call: caller, method, result, duration and identifiers. A
// failure that requires action by the operator is logged as an error.
func LogCall(logger *zap.Logger, c *Call, o CallResult) {
	level := zapcore.InfoLevel
	if o.Err != nil && operatorFault(fault.From(o.Err).Kind) {
		level = zapcore.ErrorLevel
	}
	entry := logger.Check(level, "call")
	if entry == nil {
		return
	}
	f := c.Facts()
	fields := []zap.Field{
		zap.String("request_id", f.RequestID),
		zap.String("protocol", f.Protocol),
		zap.String("method", f.Method),
		zap.String("caller", f.Caller),
		zap.String("peer", f.Peer),
		zap.String("code", o.Code),
		zap.Float64("latency_ms", milliseconds(o.Latency)),
		zap.Int("upstream_calls", f.UpstreamCalls),
		zap.Float64("upstream_ms", milliseconds(f.UpstreamTime)),
	}
	if len(f.Rays) > 0 {
		fields = append(fields, zap.Strings("cf_ray", f.Rays))
	}
	if f.TraceID != "" {
		fields = append(fields, zap.String("trace_id", f.TraceID))
	}
	entry.Write(append(fields, errorFields(o.Err)...)...)
}

// errorFields returns the log fields of an error.
func errorFields(err error) []zap.Field {
	if err == nil {
		return nil
	}
	text := err.Error()
	return []zap.Field{
		zap.String("reason", fault.From(err).Reason),
		zap.String("error", text[:min(len(text), maxErrorText)]),
	}
}

// operatorFault reports whether the operator, and not the caller, must act on a
// fault.
func operatorFault(kind fault.Kind) bool {
	switch kind {
	case fault.Internal, fault.Unavailable, fault.Upstream:
		return true
	default:
		return false
	}
}

// milliseconds returns d in milliseconds with three decimals.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
