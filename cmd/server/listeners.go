package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/connlimit"
	"platform.internal/storekeeper/internal/server"
	"platform.internal/storekeeper/internal/telemetry"
)

// addresses are the actual addresses of the listeners. They differ from the
// configuration if that says port 0.
type addresses struct {
	// scheme is http or https, for REST and admin.
	scheme            string
	rest, grpc, admin string
}

// listeners are the three listeners of the service.
type listeners struct {
	log         *zap.Logger
	rpc         *server.Server
	rest, admin *http.Server
	adminState  *telemetry.Admin
	// delay is how long the listeners stay open after the signal to stop.
	delay, grace time.Duration
	// draining is true after the signal to stop.
	draining atomic.Bool
	// background runs as long as the listeners do.
	background []func(context.Context)

	at                                        addresses
	restListener, grpcListener, adminListener net.Listener
}

// open listens on all addresses, or on none.
func (l *listeners) open(c config.Listen) error {
	l.delay, l.grace = c.DrainDelay, c.ShutdownGrace
	callers, operators := l.limiters(c)
	balancers := config.Proxies(c.ProxyProtocol)
	l.background = append(l.background, callers.Run, operators.Run)
	for _, door := range []struct {
		key, address string
		into         *net.Listener
		at           *string
		counts       *connlimit.Limiter
		behind       []netip.Prefix
	}{
		{"rest", c.REST, &l.restListener, &l.at.rest, callers, balancers},
		{"grpc", c.GRPC, &l.grpcListener, &l.at.grpc, callers, balancers},
		{"admin", c.Admin, &l.adminListener, &l.at.admin, operators, nil},
	} {
		opened, err := net.Listen("tcp", door.address)
		if err != nil {
			l.close()
			return listenError("--set listen."+door.key, door.address, err)
		}
		*door.into, *door.at = door.counts.Listener(withProxyProtocol(opened, door.behind)), opened.Addr().String()
	}
	l.log.Info("serving", zap.String("version", buildVersion()), zap.String("rest", l.at.rest), zap.String("grpc", l.at.grpc), zap.String("admin", l.at.admin))
	return nil
}

// listenError adds the fix to the error of a listener. flag is the flag that
// sets another address.
func listenError(flag, address string, err error) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s=%s: %w", flag, address, err)
	}
	host, _, _ := net.SplitHostPort(address)
	return fmt.Errorf("%s is in use: stop the program that listens there, or choose another port, as with %s=%s (port 0 takes a free one)",
		address, flag, net.JoinHostPort(host, "0"))
}

func (l *listeners) close() {
	for _, opened := range []net.Listener{l.restListener, l.grpcListener, l.adminListener} {
		if opened != nil {
			_ = opened.Close()
		}
	}
}

// lifetime is the context of the parts of the service, with the cancel
// function.
type lifetime struct {
	context.Context //nolint:containedctx // it is a context with its end

	end context.CancelFunc
}

// newLifetime returns the context of the service. Before the call of serves,
// the context ends with the signal to stop; afterwards, with the end of the
// drain.
func newLifetime(told context.Context) (in lifetime, serves func() bool) {
	ctx, end := context.WithCancel(context.WithoutCancel(told))
	return lifetime{Context: ctx, end: end}, context.AfterFunc(told, end)
}

// serve serves until told ends or a listener fails, and then stops in this
// order: readiness fails while calls are still accepted for the delay; running
// calls may finish; the admin listener closes last, so that the stop can be
// observed.
func (l *listeners) serve(told context.Context, in lifetime, ready func(addresses)) error {
	group, running := errgroup.WithContext(in)
	l.rest.Handler = l.closeWhileDraining(l.rest.Handler)
	group.Go(func() error { return serveHTTP(l.rest, l.restListener) })
	group.Go(func() error { return serveGRPC(l.rpc.GRPC(), l.grpcListener) })
	group.Go(func() error { return serveHTTP(l.admin, l.adminListener) })
	for _, run := range l.background {
		group.Go(func() error {
			run(running)
			return nil
		})
	}
	group.Go(func() error {
		select {
		case <-told.Done():
			l.drain(running)
		case <-running.Done():
		}
		in.end()
		l.stop()
		return nil
	})
	ready(l.at)
	err := group.Wait()
	l.log.Info("stopped", zap.Error(err))
	return err
}

// drain makes readiness fail and continues to serve for the delay, so that load
// balancers notice.
func (l *listeners) drain(running context.Context) {
	l.log.Info("draining", zap.Duration("delay", l.delay))
	l.draining.Store(true)
	l.adminState.Drain()
	l.rpc.Drain()
	enough := time.NewTimer(l.delay)
	defer enough.Stop()
	select {
	case <-enough.C:
	case <-running.Done():
	}
}

// closeWhileDraining closes the connection after each answer during a drain.
// Load balancers do not move a kept-alive connection, and a request that
// arrives while the listener stops would be lost.
func (l *listeners) closeWhileDraining(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

func (l *listeners) stop() {
	l.log.Info("stopping", zap.Duration("grace", l.grace))
	l.adminState.Drain()
	l.rpc.Drain()
	// The context of the run has ended, so the grace period needs a new
	// context.
	ctx, cancel := context.WithTimeout(context.Background(), l.grace)
	defer cancel()
	var both errgroup.Group
	both.Go(func() error { return closeHTTP(ctx, l.rest) })
	both.Go(func() error { l.rpc.Stop(ctx); return nil })
	if err := both.Wait(); err != nil {
		l.log.Warn("calls were cut off at the end of the grace", zap.Error(err))
	}
	if err := l.admin.Close(); err != nil {
		l.log.Warn("closing the admin listener", zap.Error(err))
	}
}

// closeHTTP lets requests finish until ctx ends, and then closes their
// connections.
func closeHTTP(ctx context.Context, s *http.Server) error {
	if err := s.Shutdown(ctx); err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}

// serveGRPC serves until the server is stopped, possibly before it begins.
func serveGRPC(s *grpc.Server, on net.Listener) error {
	if err := s.Serve(on); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// serveHTTP serves until the server is shut down, over TLS if the server has a
// TLS configuration.
func serveHTTP(s *http.Server, on net.Listener) error {
	serve := s.Serve
	if s.TLSConfig != nil {
		serve = func(on net.Listener) error { return s.ServeTLS(on, "", "") }
	}
	if err := serve(on); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
