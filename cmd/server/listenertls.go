package main

import (
	"crypto/tls"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/filewatch"
	"platform.internal/storekeeper/internal/tlsfiles"
)

// listenerTLS configures TLS of the listeners. The zero value is plain text,
// which the configuration allows on loopback only.
type listenerTLS struct {
	files *tlsfiles.Files
}

func newListenerTLS(c config.TLS, files *filewatch.Watcher, log *zap.Logger) (listenerTLS, error) {
	if !c.Enabled() {
		return listenerTLS{}, nil
	}
	material, err := tlsfiles.New(tlsfiles.Config{
		CertFile: c.CertFile, KeyFile: c.KeyFile, ClientCAFile: c.ClientCAFile, RequireClient: c.ClientAuth == "required",
		Watcher: files, OnReload: logReload(log, "the TLS files are in use", "changed TLS files cannot be used; those before stay in use"),
	})
	return listenerTLS{files: material}, err
}

// options returns the gRPC options. Only transport credentials pass the client
// certificate to the chain; a TLS listener would hide the certificate.
func (s listenerTLS) options() []grpc.ServerOption {
	if s.files == nil {
		return nil
	}
	return []grpc.ServerOption{grpc.Creds(credentials.NewTLS(s.files.WithClients()))}
}

// callers returns the TLS configuration of the REST listener. Nil: plain text.
func (s listenerTLS) callers() *tls.Config {
	if s.files == nil {
		return nil
	}
	return s.files.WithClients()
}

// operators returns the TLS configuration of the admin listener, which requests
// no client certificate.
func (s listenerTLS) operators() *tls.Config {
	if s.files == nil {
		return nil
	}
	return s.files.ServerOnly()
}

// scheme is the scheme of the listeners' URLs.
func (s listenerTLS) scheme() string {
	if s.files == nil {
		return "http"
	}
	return "https"
}
