// Package server is the gRPC server: the limits, the health service, and the chain of interceptors
// for every call over gRPC and REST.
//
// The package does not know the services or how Cloudflare is reached.
package server

import (
	"cmp"
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"platform.internal/storekeeper/internal/inflight"
	"platform.internal/storekeeper/internal/inproc"
)

// Server serves gRPC on the network and, through Conn, inside the process.
type Server struct {
	grpc   *grpc.Server
	conn   *inproc.Channel
	health *health.Server
	// stopping ends when the server stops. It ends streams that would otherwise not end.
	stopping   context.Context //nolint:containedctx // it is the life of the server, not of a call
	endWatches context.CancelFunc
}

// Register registers a service with a registrar, as generated code does.
type Register func(grpc.ServiceRegistrar)

// New returns a server with the services. options, such as transport
// credentials, apply to the network side only.
func New(chain Chain, services []Register, options ...grpc.ServerOption) *Server {
	return newServer(chain, services, defaultTimeouts(), options...)
}

func newServer(chain Chain, services []Register, timeouts healthTimeouts, options ...grpc.ServerOption) *Server {
	all, refusing := &compiledChain{chain: chain.Interceptors()}, newRefuser(chain)
	s := &Server{conn: inproc.NewChannel(all.intercept), health: health.NewServer()}
	s.stopping, s.endWatches = context.WithCancel(context.Background())
	s.grpc = grpc.NewServer(append(append(limits(), options...),
		grpc.ChainUnaryInterceptor(all.intercept), grpc.ChainStreamInterceptor(chain.Stream(s.stopping)),
		grpc.UnknownServiceHandler(refusing.unknownMethod), grpc.InTapHandle(timeouts.tapHandle))...)
	bodies := cmp.Or(chain.Bodies, inflight.New(inflight.DefaultLimits()))
	for _, register := range services {
		register(preauth{registrar: s.grpc, authenticator: chain.Authenticator, refuser: refusing, receive: receiveRequest(), bodies: bodies, refused: chain.Refused})
		register(s.conn)
	}
	healthv1.RegisterHealthServer(healthRegistrar{registrar: s.grpc, refuser: refusing}, s.health)
	for name := range s.grpc.GetServiceInfo() {
		s.health.SetServingStatus(name, healthv1.HealthCheckResponse_SERVING)
	}
	reflection.Register(s.grpc)
	return s
}

// GRPC returns the server of the network side.
func (s *Server) GRPC() *grpc.Server { return s.grpc }

// Conn returns the connection that runs the same calls inside the process.
func (s *Server) Conn() *inproc.Channel { return s.conn }

// Drain makes health checks report that the server is about to stop.
func (s *Server) Drain() { s.health.Shutdown() }

// Stop stops the network side. Running calls may finish until ctx ends and are
// then cut. Watches of the health service end at once.
func (s *Server) Stop(ctx context.Context) {
	s.health.Shutdown()
	s.endWatches()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.grpc.GracefulStop()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.grpc.Stop()
		<-done
	}
}
