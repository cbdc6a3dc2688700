// Package server is the gRPC server: its limits, its health, and the chain of
// interceptors that every call passes, over gRPC and over REST.
//
// It must not know what the services do or how Cloudflare is reached.
package server

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"platform.internal/storekeeper/internal/inproc"
)

// MaxMessage is the longest request over gRPC, in bytes: 100 secrets of 64 KiB
// and room for their names.
const MaxMessage = 8 << 20

// Server answers over gRPC and, through Conn, inside the process.
type Server struct {
	grpc   *grpc.Server
	conn   *inproc.Conn
	health *health.Server
}

// Register puts a service on a registrar, as generated code does.
type Register func(grpc.ServiceRegistrar)

// New returns a server with the services. Further options, such as transport
// credentials, are for the network side only.
func New(chain Chain, services []Register, options ...grpc.ServerOption) *Server {
	all := &linked{chain: chain.Interceptors()}
	s := &Server{
		grpc: grpc.NewServer(append(limits(),
			append(options, grpc.ChainUnaryInterceptor(all.call), grpc.ChainStreamInterceptor(chain.Stream()))...)...),
		conn:   inproc.NewConn(all.call),
		health: health.NewServer(),
	}
	for _, register := range services {
		register(doorkeeper{to: s.grpc, authenticator: chain.Authenticator})
		register(s.conn)
	}
	healthv1.RegisterHealthServer(s.grpc, s.health)
	for name := range s.grpc.GetServiceInfo() {
		s.health.SetServingStatus(name, healthv1.HealthCheckResponse_SERVING)
	}
	reflection.Register(s.grpc)
	return s
}

// limits protects the server from clients that ask for too much.
func limits() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.ForceServerCodecV2(newBoundedCodec()),
		grpc.MaxConcurrentStreams(100),
		grpc.ConnectionTimeout(10 * time.Second),
		// A client that pings more often than this is cut off.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		// Connections end now and then so that clients find new replicas, and
		// dead ones are noticed.
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: 15 * time.Minute, MaxConnectionAge: 30 * time.Minute, MaxConnectionAgeGrace: time.Minute,
			Time: time.Minute, Timeout: 20 * time.Second,
		}),
	}
}

// GRPC returns the network side, ready to serve.
func (s *Server) GRPC() *grpc.Server { return s.grpc }

// Conn returns the connection that runs the same calls inside the process.
func (s *Server) Conn() grpc.ClientConnInterface { return s.conn }

// Drain tells health checks that the server is about to stop.
func (s *Server) Drain() { s.health.Shutdown() }

// Stop ends the network side: calls that run may finish until ctx ends, and are
// cut after that.
func (s *Server) Stop(ctx context.Context) {
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
