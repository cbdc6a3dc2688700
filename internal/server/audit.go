package server

import (
	"context"
	"errors"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/fault"
)

// The rate limit of audit records about refused callers that are not authenticated, because the
// number of such refusals is unlimited. The log has all refusals.
const (
	unauthenticatedPerSecond = 10
	unauthenticatedBurst     = 100
)

// Denials receives the audit records of denied calls.
type Denials interface {
	// Denial returns nil once the record is durable, or counted because the caller has too many
	// denials.
	Denial(context.Context, audit.Record) error
}

// auditDenials records every denial in the audit trail.
func auditDenials(to Denials, log *zap.Logger) grpc.UnaryServerInterceptor {
	unauthenticated := rate.NewLimiter(unauthenticatedPerSecond, unauthenticatedBurst)
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		answer, err := next(ctx, req)
		if isDenial(err) {
			recordDenial(ctx, to, log, unauthenticated, err)
		}
		return answer, err
	}
}

// recordDenial records the denial err of a call.
func recordDenial(ctx context.Context, to Denials, log *zap.Logger, unauthenticated *rate.Limiter, err error) {
	t := auditFrom(ctx)
	if t.caller.Name == "" && !unauthenticated.Allow() {
		if counting, ok := to.(interface{ Suppress(audit.Record) }); ok {
			counting.Suppress(audit.Record{})
		}
		return
	}
	t.shorten()
	r := t.record(ctx)
	r.Reason, r.Code = reasonOf(err), codeOf(err)
	// The caller may be gone; the denial must be recorded all the same.
	if lost := to.Denial(context.WithoutCancel(ctx), r); lost != nil {
		// The call is refused in any case, so the error is only logged.
		log.Error("a denial is not in the audit trail", zap.String("request_id", r.RequestID), zap.Error(lost))
	}
}

// isDenial reports whether a call was refused for authentication or authorisation.
func isDenial(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && (f.Kind == fault.Denied || f.Kind == fault.Unauthenticated)
}

func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	return fault.From(err).Reason
}

// codeOf returns the gRPC code that the caller gets.
func codeOf(err error) string {
	if err == nil {
		return codes.OK.String()
	}
	return codesByKind[fault.From(err).Kind].String()
}
