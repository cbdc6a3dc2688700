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

// secured is how the listeners are secured. Its zero value is plain text, which
// the configuration allows on loopback only.
type secured struct {
	files *tlsfiles.Files
}

func newSecured(c config.TLS, files *filewatch.Watcher, log *zap.Logger) (secured, error) {
	if !c.Enabled() {
		return secured{}, nil
	}
	material, err := tlsfiles.New(tlsfiles.Config{
		CertFile: c.CertFile, KeyFile: c.KeyFile, ClientCAFile: c.ClientCAFile, RequireClient: c.ClientAuth == "required",
		Watcher: files, OnReload: told(log, "the TLS files are in use", "changed TLS files cannot be used; those before stay in use"),
	})
	return secured{files: material}, err
}

// options secures gRPC. Only transport credentials show the client's
// certificate to the chain; a TLS listener would hide it.
func (s secured) options() []grpc.ServerOption {
	if s.files == nil {
		return nil
	}
	return []grpc.ServerOption{grpc.Creds(credentials.NewTLS(s.files.WithClients()))}
}

// callers secures the REST listener, nil for plain text.
func (s secured) callers() *tls.Config {
	if s.files == nil {
		return nil
	}
	return s.files.WithClients()
}

// operators secures the admin listener, which asks for no certificate.
func (s secured) operators() *tls.Config {
	if s.files == nil {
		return nil
	}
	return s.files.ServerOnly()
}

// scheme is that of the listeners' URLs.
func (s secured) scheme() string {
	if s.files == nil {
		return "http"
	}
	return "https"
}
