package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/server"
	"platform.internal/storekeeper/internal/telemetry"
)

// addresses are where the listeners really are, which differs from the
// configuration where that says port 0.
type addresses struct {
	// scheme is http or https, for REST and admin.
	scheme            string
	rest, grpc, admin string
}

// listeners are the three doors of the service.
type listeners struct {
	log         *zap.Logger
	rpc         *server.Server
	rest, admin *http.Server
	adminState  *telemetry.Admin
	grace       time.Duration
	// beside run as long as the listeners do.
	beside []func(context.Context)

	at                                        addresses
	restListener, grpcListener, adminListener net.Listener
}

// open takes all addresses, or none.
func (l *listeners) open(c config.Listen) error {
	for _, door := range []struct {
		key, address string
		into         *net.Listener
		at           *string
	}{{"rest", c.REST, &l.restListener, &l.at.rest}, {"grpc", c.GRPC, &l.grpcListener, &l.at.grpc}, {"admin", c.Admin, &l.adminListener, &l.at.admin}} {
		opened, err := net.Listen("tcp", door.address)
		if err != nil {
			l.close()
			return listenError("--set listen."+door.key, door.address, err)
		}
		*door.into, *door.at = opened, opened.Addr().String()
	}
	return nil
}

// listenError says what to do about an address that cannot be listened on. flag
// is how to choose another one.
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

// serve answers until ctx ends or a listener fails, then stops in order: first
// probes say that no more calls are wanted, then calls that run may finish,
// and the admin listener goes last so that the stop can be watched.
func (l *listeners) serve(ctx context.Context, ready func(addresses)) error {
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return serveHTTP(l.rest, l.restListener) })
	group.Go(func() error { return answerRPC(l.rpc.GRPC(), l.grpcListener) })
	group.Go(func() error { return serveHTTP(l.admin, l.adminListener) })
	for _, run := range l.beside {
		group.Go(func() error {
			run(running)
			return nil
		})
	}
	group.Go(func() error {
		<-running.Done()
		l.stop()
		return nil
	})
	ready(l.at)
	err := group.Wait()
	l.log.Info("stopped", zap.Error(err))
	return err
}

func (l *listeners) stop() {
	l.log.Info("stopping", zap.Duration("grace", l.grace))
	l.adminState.Drain()
	l.rpc.Drain()
	// The context of the run has ended already; the grace is its own.
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

// closeHTTP lets requests finish until ctx ends, and cuts them after that.
func closeHTTP(ctx context.Context, s *http.Server) error {
	if err := s.Shutdown(ctx); err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}

// answerRPC serves until it is stopped, which may be before it begins.
func answerRPC(s *grpc.Server, on net.Listener) error {
	if err := s.Serve(on); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// serveHTTP serves, over TLS where the server has it, until it is shut down.
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

// httpServer bounds what a slow or greedy client can hold. A body may take
// long to arrive, since it can be 48 MiB; its header may not.
func httpServer(h http.Handler, secured *tls.Config, log *zap.Logger) *http.Server {
	return &http.Server{
		Handler: h, TLSConfig: secured, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute,
		// From the end of the header: a long body, the call, and a slow reader.
		WriteTimeout:   4 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: zap.NewStdLog(log.Named("http")),
	}
}
