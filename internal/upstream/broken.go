package upstream

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"platform.internal/storekeeper/internal/fault"
)

// Unproven reports whether the outcome of a change is unknown after a fault.
func Unproven(f *fault.Error) bool {
	return f.Reason == fault.ReasonUpstreamAnswerLost || f.Reason == fault.ReasonUpstreamThrottled
}

// soon is the advised retry delay after a transient fault.
const soon = time.Second

// broken makes the fault of an attempt without a response.
func (x *exchange) broken(ctx context.Context, err error) *fault.Error {
	if f := x.departure.stopped(); f != nil {
		return f
	}
	kind, ended := ending(ctx)
	var f *fault.Error
	switch {
	case x.changes() && !x.unsent(err):
		f = lost(kind)
	case ended:
		f = late(kind)
	default:
		f = unreachable()
	}
	if ended {
		// An error of the connection is only a consequence of the deadline.
		return f.Because(cmp.Or(ctx.Err(), context.DeadlineExceeded))
	}
	return f.Because(x.describe(err))
}

// unread makes the fault of an incomplete response.
func (x *exchange) unread(ctx context.Context, r reply) *fault.Error {
	kind, ended := ending(ctx)
	var f *fault.Error
	switch {
	case x.changes():
		f = lost(kind)
	case ended:
		f = late(kind)
	case errors.Is(r.cut, errTooLong):
		return x.unreadable(r)
	default:
		f = unreachable()
	}
	f.Ray = r.ray
	return f.Because(r.about(nil))
}

// unreadable makes the fault of a success response that cannot be decoded.
func (x *exchange) unreadable(r reply) *fault.Error {
	f := fault.New(fault.Upstream, fault.ReasonUpstreamAnswerUnreadable, "Cloudflare's answer could not be understood.")
	if x.changes() {
		f = lost(fault.Upstream)
	}
	f.Ray = r.ray
	return f.Because(r.about(nil))
}

// unsent reports whether no byte of the request can have left. In doubt the result is false.
func (x *exchange) unsent(err error) bool {
	if x.departure.stopped() != nil {
		return true
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return true
	}
	return x.trace.wanted.Load() && !x.trace.connected.Load()
}

// worthAnother reports whether to retry a read: its connection died before the first byte of a
// response, and time remains.
func (x *exchange) worthAnother(ctx context.Context, err error) bool {
	if _, ended := ending(ctx); ended || x.changes() {
		return false
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return false
	}
	return !x.unsent(err) && x.trace.connected.Load() && !x.trace.answered.Load()
}

// ending reports whether the call's context has ended, and the fault kind: Canceled, Deadline, or
// Unavailable if the context has not ended. ending also checks the deadline itself, because a
// connection may hit the deadline before the context does.
func ending(ctx context.Context) (fault.Kind, bool) {
	deadline, bounded := ctx.Deadline()
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fault.Canceled, true
	case ctx.Err() != nil, bounded && !time.Now().Before(deadline):
		return fault.Deadline, true
	}
	return fault.Unavailable, false
}

func lost(kind fault.Kind) *fault.Error {
	return fault.New(kind, fault.ReasonUpstreamAnswerLost,
		"Cloudflare's answer to the change was lost, so the change may or may not have been made.")
}

func late(kind fault.Kind) *fault.Error {
	if kind == fault.Canceled {
		return fault.New(kind, fault.ReasonCanceled, "The call was canceled.")
	}
	return fault.New(kind, fault.ReasonDeadlineExceeded, "Cloudflare did not answer before the call's deadline.")
}

func unreachable() *fault.Error {
	f := fault.New(fault.Unavailable, fault.ReasonUpstreamUnreachable, "Cloudflare cannot be reached at the moment.")
	f.RetryAfter = soon
	return f
}

// describe returns a safe description of a transport error. It passes on only the texts of known
// error types, because other errors may quote bytes from the wire.
func (x *exchange) describe(err error) error {
	for _, known := range []error{io.ErrUnexpectedEOF, io.EOF} {
		if errors.Is(err, known) {
			return known
		}
	}
	text := fmt.Sprintf("transport error of type %T", err)
	if op, ok := errors.AsType[*net.OpError](err); ok {
		text = op.Error()
	} else if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		text = certificate.Error()
	} else if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		text = timeout.Error()
	}
	if x.scrub.dirty(text) {
		text = "transport error that quotes a secret"
	}
	return errors.New(text)
}
