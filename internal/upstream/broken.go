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

// Unproven says whether a fault of a change that was sent leaves open whether
// the change was made.
func Unproven(f *fault.Error) bool {
	return f.Reason == fault.ReasonUpstreamAnswerLost || f.Reason == fault.ReasonUpstreamThrottled
}

// soon is the wait that is advised after a fault that mostly passes by itself.
const soon = time.Second

// broken makes a fault of an attempt that brought no answer.
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
		// What the connection says then is only a consequence.
		return f.Because(cmp.Or(ctx.Err(), context.DeadlineExceeded))
	}
	return f.Because(x.describe(err))
}

// unread makes a fault of an answer whose end is missing.
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

// unreadable makes a fault of a success that cannot be understood.
func (x *exchange) unreadable(r reply) *fault.Error {
	f := fault.New(fault.Upstream, fault.ReasonUpstreamAnswerUnreadable, "Cloudflare's answer could not be understood.")
	if x.changes() {
		f = lost(fault.Upstream)
	}
	f.Ray = r.ray
	return f.Because(r.about(nil))
}

// unsent says whether nothing of the request can have left. In doubt it has.
func (x *exchange) unsent(err error) bool {
	if x.departure.stopped() != nil {
		return true
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return true
	}
	return x.trace.wanted.Load() && !x.trace.connected.Load()
}

// worthAnother says whether a read is sent once more: its connection died
// before a byte of an answer, and there is time.
func (x *exchange) worthAnother(ctx context.Context, err error) bool {
	if _, ended := ending(ctx); ended || x.changes() {
		return false
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return false
	}
	return !x.unsent(err) && x.trace.connected.Load() && !x.trace.answered.Load()
}

// ending says whether the call's time is over, and gives the kind of fault that
// a failure is then, or Unavailable. The deadline itself is looked at too: a
// connection may notice it before the context does.
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

// describe says what happened to a connection. It passes on the texts of known
// errors alone: others quote bytes that came over the wire.
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
