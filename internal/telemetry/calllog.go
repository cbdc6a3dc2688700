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
	entry.Write(zap.Inline(&callLine{facts: c.Facts(), result: o}))
}

// callLine are the log fields of a call. It adds them to the encoder itself, because a slice of fields takes
// more memory than the line.
type callLine struct {
	facts  Facts
	result CallResult
}

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (l *callLine) MarshalLogObject(to zapcore.ObjectEncoder) error {
	f, o := &l.facts, &l.result
	to.AddString("request_id", f.RequestID)
	to.AddString("protocol", f.Protocol)
	to.AddString("method", f.Method)
	to.AddString("caller", f.Caller)
	to.AddString("peer", f.Peer)
	to.AddString("code", o.Code)
	to.AddFloat64("latency_ms", milliseconds(o.Latency))
	to.AddInt("upstream_calls", f.UpstreamCalls)
	to.AddFloat64("upstream_ms", milliseconds(f.UpstreamTime))
	if len(f.Rays) > 0 {
		zap.Strings("cf_ray", f.Rays).AddTo(to)
	}
	if f.TraceID != "" {
		to.AddString("trace_id", f.TraceID)
	}
	if o.Err != nil {
		text := o.Err.Error()
		to.AddString("reason", fault.From(o.Err).Reason)
		to.AddString("error", text[:min(len(text), maxErrorText)])
	}
	return nil
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
