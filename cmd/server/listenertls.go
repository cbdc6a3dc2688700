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

// listenerTLS is how the listeners are secured. Its zero value is plain text, which
// the configuration allows on loopback only.
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

// options secures gRPC. Only transport credentials show the client's
// certificate to the chain; a TLS listener would hide it.
func (s listenerTLS) options() []grpc.ServerOption {
	if s.files == nil {
		return nil
	}
	return []grpc.ServerOption{grpc.Creds(credentials.NewTLS(s.files.WithClients()))}
}

// callers secures the REST listener, nil for plain text.
func (s listenerTLS) callers() *tls.Config {
	if s.files == nil {
		return nil
	}
	return s.files.WithClients()
}

// operators secures the admin listener, which asks for no certificate.
func (s listenerTLS) operators() *tls.Config {
	if s.files == nil {
		return nil
	}
	return s.files.ServerOnly()
}

// scheme is that of the listeners' URLs.
func (s listenerTLS) scheme() string {
	if s.files == nil {
		return "http"
	}
	return "https"
}
