package server

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"platform.internal/storekeeper/internal/connlimit"
)

// The bounds of the gRPC listener. docs/security.md lists them beside those of
// REST.
const (
	// MaxMessage is the longest request over gRPC, in bytes: 100 secrets of 64 KiB
	// and room for their names.
	MaxMessage = 8 << 20
	// MaxHeaders bounds the header list of a request as HTTP/2 counts it, in bytes.
	MaxHeaders = 64 << 10
	// MaxHealthMessage bounds a message to the health service, in bytes.
	MaxHealthMessage = 1 << 10
	// maxReflectionMessage bounds a message to the reflection service, in bytes.
	maxReflectionMessage = 64 << 10
	// maxHealthStreams is how many of these may be calls of the health service.
	maxHealthStreams = 5
	// maxStreams is how many calls one connection may have at once.
	maxStreams = 100
	// streamWindow is how many bytes of a message a client may send before the
	// server reads the message.
	streamWindow = 64 << 10
	// connectionWindow is how many bytes a client may send on a connection before
	// it gets an update of the window.
	connectionWindow = 1 << 20
	// handshakeTimeout bounds TLS handshake, preface and settings together.
	handshakeTimeout = 10 * time.Second
	// maxIdle is how long a connection may be there without a call.
	maxIdle = 15 * time.Minute
	// callTimeout bounds a call: a slow body, the work and a slow reader.
	callTimeout = 4 * time.Minute
)

// healthTimeouts bound calls of the health service, which asks for no credential.
type healthTimeouts struct {
	// check bounds Check and List, the request included.
	check time.Duration
	// watch bounds Watch. A client that wants to know more watches again.
	watch time.Duration
}

func defaultTimeouts() healthTimeouts {
	return healthTimeouts{check: 10 * time.Second, watch: time.Minute}
}

// limits protects the server from clients that ask for too much.
func limits() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.MaxHeaderListSize(MaxHeaders),
		grpc.ForceServerCodecV2(newBoundedCodec()),
		grpc.MaxConcurrentStreams(maxStreams),
		// Windows that grow with the bandwidth would let a client send 16 MiB to a
		// handler that does not read.
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(connectionWindow),
		grpc.ConnectionTimeout(handshakeTimeout),
		// A client that pings more often than this is cut off.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		// Connections end now and then so that clients find new replicas, and
		// dead ones are noticed.
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: maxIdle, MaxConnectionAge: 30 * time.Minute, MaxConnectionAgeGrace: time.Minute,
			Time: time.Minute, Timeout: 20 * time.Second,
		}),
	}
}

// tapHandle counts each stream and gives it its deadline before it begins. The transport
// reads on this context, so the deadline also ends a stream whose client sends
// nothing. The end of the stream cancels the context.
func (t healthTimeouts) tapHandle(ctx context.Context, info *tap.Info) (context.Context, error) {
	longest := callTimeout
	switch {
	case info.FullMethodName == healthWatch:
		longest = t.watch
	case isHealth(info.FullMethodName):
		longest = t.check
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	if conn := connOf(ctx); conn != nil {
		conn.MarkCalled()
		if isHealth(info.FullMethodName) {
			end, ok := conn.BeginStream(maxHealthStreams)
			if !ok {
				cancel()
				return nil, status.Errorf(codes.ResourceExhausted, "a connection may have at most %d health calls at once", maxHealthStreams)
			}
			context.AfterFunc(ctx, end)
		}
	}
	return context.WithValue(ctx, cancelKey{}, cancel), nil
}

// connOf gives the connection of a call over the network, or nil where nobody
// counts connections.
func connOf(ctx context.Context) *connlimit.Conn {
	if p, ok := peer.FromContext(ctx); ok {
		if a, counted := p.Addr.(*connlimit.Addr); counted {
			return a.Conn()
		}
	}
	return nil
}

type cancelKey struct{}

// cancelStream cancels the context that the transport reads a stream on.
func cancelStream(ctx context.Context) {
	if cancel, ok := ctx.Value(cancelKey{}).(context.CancelFunc); ok {
		cancel()
	}
}
