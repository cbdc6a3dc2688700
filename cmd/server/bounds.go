package main

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/time/rate"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/connlimit"
	"platform.internal/storekeeper/internal/forwarded"
)

// Limits of the HTTP listeners. docs/security.md lists the limits of both
// protocols.
const (
	maxHeaderBytes = 64 << 10
	headerTimeout  = 10 * time.Second
	// bodyTimeout is long, because a body can have 48 MiB.
	bodyTimeout = 2 * time.Minute
	idleTimeout = 2 * time.Minute
	// writeTimeout begins at the end of the header: a long body, the call, and
	// a slow reader.
	writeTimeout = 4 * time.Minute
	// http2Streams, http2Stream and http2Connection limit the data that HTTP/2
	// buffers before a handler reads.
	http2Streams    = 100
	http2Stream     = 64 << 10
	http2Connection = 256 << 10
	// adminConnections is enough for probes, scrapes and profiles.
	adminConnections = 64
	// linesPerSecond and linesBurst limit the log lines that unauthenticated
	// clients cause.
	linesPerSecond = 10
	linesBurst     = 100
)

// httpServer returns a server that limits the resources of slow or greedy
// clients.
func httpServer(h http.Handler, secured *tls.Config, to *zap.Logger) *http.Server {
	return &http.Server{
		Handler: countCalls(h), TLSConfig: secured,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, IdleTimeout: idleTimeout, WriteTimeout: writeTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: http2Streams, MaxReceiveBufferPerStream: http2Stream, MaxReceiveBufferPerConnection: http2Connection,
			SendPingTimeout: time.Minute, PingTimeout: 20 * time.Second, WriteByteTimeout: time.Minute,
		},
		ErrorLog: zap.NewStdLog(to.Named("http").WithOptions(zap.WrapCore(bounded))),
	}
}

// countCalls marks the connection of each request as used by calls.
func countCalls(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := connlimit.FromRequest(r.Context()); c != nil {
			c.MarkCalled()
		}
		next.ServeHTTP(w, r)
	})
}

// boundedCore writes a limited number of lines per second. Most lines of the
// HTTP server are caused by unauthenticated clients.
type boundedCore struct {
	zapcore.Core

	limit *rate.Limiter
}

func bounded(core zapcore.Core) zapcore.Core {
	return boundedCore{Core: core, limit: rate.NewLimiter(linesPerSecond, linesBurst)}
}

// Check passes an entry on if the rate limit allows.
func (c boundedCore) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.limit.Allow() {
		return to
	}
	return c.Core.Check(e, to)
}

// withProxyProtocol reads the PROXY protocol header of connections from the
// networks. The header holds the address of the client. Other connections are
// not changed.
func withProxyProtocol(on net.Listener, from []netip.Prefix) net.Listener {
	if len(from) == 0 {
		return on
	}
	balancers := forwarded.Proxies(from)
	return &proxyproto.Listener{Listener: on, ReadHeaderTimeout: headerTimeout, ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
		if balancers.Trusts(o.Upstream) {
			return proxyproto.REQUIRE, nil
		}
		return proxyproto.SKIP, nil
	}}
}

// limiters returns the connection limiters: a shared limiter of REST and gRPC,
// and a limiter of the admin listener, which has no authentication.
func (l *listeners) limiters(c config.Listen) (callers, operators *connlimit.Limiter) {
	lines := rate.NewLimiter(linesPerSecond, linesBurst)
	uncalled := func(peer string, bytes int64) {
		if lines.Allow() {
			l.log.Info("a connection ended without a call", zap.String("peer", peer), zap.Int64("bytes", bytes))
		}
	}
	callers = connlimit.New(connlimit.Config{MaxAuthenticated: c.MaxConnections, OnNoCall: uncalled})
	operators = connlimit.New(connlimit.Config{MaxUnauthenticated: adminConnections, MaxPerAddress: adminConnections / 2, OnNoCall: uncalled})
	return callers, operators
}
