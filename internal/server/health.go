package server

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"platform.internal/storekeeper/internal/inflight"
)

const (
	// healthService is the prefix of the health service's methods. The health service is the only
	// service without authentication, because load balancers have no credential.
	healthService = "/grpc.health.v1.Health/"
	healthWatch   = healthService + "Watch"
	// lastStatusTimeout limits how long the end of a Watch waits for the client
	// to receive the last status.
	lastStatusTimeout = time.Second
)

// healthRegistrar registers the health service with a separate message size limit.
type healthRegistrar struct {
	registrar grpc.ServiceRegistrar
	refuser   refuser
}

// RegisterService registers a service with limited messages.
func (d healthRegistrar) RegisterService(desc *grpc.ServiceDesc, service any) {
	bounded := *desc
	bounded.Methods = slices.Clone(desc.Methods)
	for i, m := range desc.Methods {
		bounded.Methods[i].Handler = d.bound(desc.ServiceName, m)
	}
	d.registrar.RegisterService(&bounded, service)
}

func (d healthRegistrar) bound(service string, m grpc.MethodDesc) grpc.MethodHandler {
	method := "/" + service + "/" + m.MethodName
	return func(srv any, ctx context.Context, _ func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		var unread error
		answer, err := m.Handler(srv, ctx, func(into any) error {
			unread = receiver{decode: decodeProto, limit: MaxHealthMessage}.receive(ctx, into)
			return unread
		}, interceptor)
		if unread != nil {
			return nil, d.refuser.refuse(ctx, method, unread)
		}
		return answer, err
	}
}

// boundedStream is a stream with a limit on received messages. A Watch also
// ends when the server stops.
type boundedStream struct {
	grpc.ServerStream

	limit int
	//nolint:containedctx // a gRPC stream carries its context; there is no parameter for it
	ctx context.Context
	// check returns the reason why a received message ends the stream, or nil.
	check func(ctx context.Context) error
	// told is called once the client has received a status other than SERVING.
	told func()
}

// Context returns the context that the chain made.
func (s *boundedStream) Context() context.Context { return s.ctx }

// RecvMsg receives a message within the limit and checks it.
func (s *boundedStream) RecvMsg(into any) error {
	if err := (receiver{decode: decodeProto, limit: s.limit}).receive(s.ctx, into); err != nil {
		return err
	}
	return s.check(s.ctx)
}

// SendMsg sends a message. It calls told after a status other than SERVING.
func (s *boundedStream) SendMsg(m any) error {
	err := s.ServerStream.SendMsg(m)
	if answer, ok := m.(*healthv1.HealthCheckResponse); ok && answer.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		s.told()
	}
	return err
}

// boundedHandler runs a stream with the message limit of its service, and calls check for each
// message. The stream ends when stopping ends. A Watch ends after its client has received the
// status NOT_SERVING, because otherwise it would delay the stop.
func boundedHandler(stopping context.Context, method string, check func(context.Context) error, handler grpc.StreamHandler) grpc.StreamHandler {
	limit := maxReflectionMessage
	if isHealth(method) {
		limit = MaxHealthMessage
	}
	return func(srv any, ss grpc.ServerStream) error {
		ctx := ss.Context()
		told := make(chan struct{})
		if !isHealth(method) {
			close(told)
		}
		defer context.AfterFunc(stopping, func() {
			defer inflight.Cancel(ctx)
			select {
			case <-told:
			case <-ctx.Done():
			case <-time.After(lastStatusTimeout):
			}
		})()
		err := handler(srv, &boundedStream{ServerStream: ss, limit: limit, ctx: ctx, check: check, told: sync.OnceFunc(func() { close(told) })})
		switch {
		case stopping.Err() != nil:
			return status.Error(codes.Unavailable, "the server stops")
		case errors.Is(ss.Context().Err(), context.DeadlineExceeded):
			return status.Error(codes.DeadlineExceeded, "a Watch ends after a minute; watch again")
		case errors.Is(err, io.EOF):
			return unreadable(err)
		}
		return err
	}
}
