package telemetry

import (
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"platform.internal/storekeeper/internal/fault"
)

// maxErrorText is how many bytes of an error are logged.
const maxErrorText = 4096

// CallResult is how a call ended.
type CallResult struct {
	// Code is the name of the status that the caller got, such as "NotFound".
	Code string
	// Latency is how long the call took.
	Latency time.Duration
	// Err is the error with its private cause, nil for success. Whoever made
	// it keeps secrets out of it.
	Err error
}

// LogCall writes the one line that a call leaves in the log: who, what, how it
// ended and how long it took, with the identifiers to find it by. A call that
// failed through no doing of the caller is logged as an error.
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

// errorFields tells of the error, if there is one.
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

// operatorFault reports whether an operator has to act on a fault, and not its caller.
func operatorFault(kind fault.Kind) bool {
	switch kind {
	case fault.Internal, fault.Unavailable, fault.Upstream:
		return true
	default:
		return false
	}
}

// milliseconds gives d with three decimals.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
