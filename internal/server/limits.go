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
	"platform.internal/storekeeper/internal/inflight"
)

// The limits of the gRPC listener. docs/security.md lists them with the limits of REST.
const (
	// MaxMessage is the size of the largest request over gRPC, in bytes: 100
	// secrets of 64 KiB and their names.
	MaxMessage = 8 << 20
	// MaxHeaders is the limit of a request's header list as HTTP/2 counts it,
	// in bytes.
	MaxHeaders = 64 << 10
	// MaxHealthMessage is the limit of a message to the health service, in
	// bytes.
	MaxHealthMessage = 1 << 10
	// maxReflectionMessage is the limit of a message to the reflection service,
	// in bytes.
	maxReflectionMessage = 64 << 10
	// maxHealthStreams is the number of concurrent health calls of one
	// connection.
	maxHealthStreams = 5
	// maxStreams is the number of concurrent calls of one connection.
	maxStreams = 100
	// streamWindow is the flow-control window of a stream: the number of bytes that a client may
	// send before the server reads.
	streamWindow = 64 << 10
	// connectionWindow is the flow-control window of a connection, in bytes.
	connectionWindow = 1 << 20
	// handshakeTimeout limits the TLS handshake, the preface and the settings
	// together.
	handshakeTimeout = 10 * time.Second
	// maxIdle is how long a connection may stay open without a call.
	maxIdle = 15 * time.Minute
	// callTimeout limits a call: a slow body, the work and a slow reader.
	callTimeout = 4 * time.Minute
)

// healthTimeouts limit calls of the health service, which has no
// authentication.
type healthTimeouts struct {
	// check limits Check and List, including the request.
	check time.Duration
	// watch limits Watch. A client that wants to know more watches again.
	watch time.Duration
}

func defaultTimeouts() healthTimeouts {
	return healthTimeouts{check: 10 * time.Second, watch: time.Minute}
}

// limits returns the server options that limit the resources of a client.
func limits() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.MaxHeaderListSize(MaxHeaders),
		grpc.ForceServerCodecV2(newBoundedCodec()),
		grpc.MaxConcurrentStreams(maxStreams),
		// Windows that grow with the bandwidth would let a client send 16 MiB
		// to a handler that does not read.
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(connectionWindow),
		grpc.ConnectionTimeout(handshakeTimeout),
		// A client that pings more often is disconnected.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		// Connections end after a while so that clients find new replicas and
		// dead connections are noticed.
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: maxIdle, MaxConnectionAge: 30 * time.Minute, MaxConnectionAgeGrace: time.Minute,
			Time: time.Minute, Timeout: 20 * time.Second,
		}),
	}
}

// tapHandle counts each stream and sets its deadline before the stream begins.
// The transport reads with this context, so the deadline also ends a stream
// whose client sends nothing. The end of the stream cancels the context.
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
	return inflight.WithCancel(ctx, cancel), nil
}

// connOf returns the connection of a call over the network, or nil if connections are not counted.
func connOf(ctx context.Context) *connlimit.Conn {
	if p, ok := peer.FromContext(ctx); ok {
		if a, counted := p.Addr.(*connlimit.Addr); counted {
			return a.Conn()
		}
	}
	return nil
}
