// Package tlsfiles provides the TLS configuration of listeners from files that are reloaded when
// they change: a certificate, the private key and the CA certificates of clients.
//
// The package does not know the listeners or the callers.
package tlsfiles

import (
	"context"
	"crypto/tls"
	"errors"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/filewatch"
)

// Config names the files.
type Config struct {
	// CertFile holds the certificate in PEM, followed by the intermediate CA
	// certificates.
	CertFile string
	// KeyFile holds the private key of the certificate in PEM.
	KeyFile string
	// ClientCAFile holds the CA certificates, in PEM, that sign client certificates. If empty, no
	// client certificate is requested.
	ClientCAFile string
	// RequireClient refuses connections without a client certificate. It requires ClientCAFile.
	RequireClient bool
	// OnReload is called with nil when changed files are in use, and with the error if they cannot
	// be used and the previous files stay in use. It is called once per error, and must not block.
	// Nil means no call.
	OnReload func(error)
	// Watcher watches the files. If nil, the files are read once.
	Watcher *filewatch.Watcher
	// Clock returns the current time. Nil means time.Now.
	Clock func() time.Time
}

// Files holds the TLS configuration. It is safe for concurrent use.
type Files struct {
	config  Config
	current atomic.Pointer[material]
}

// New reads the files. It fails if they are unusable: the key does not match the certificate, the
// certificate is not valid now, or there is no CA certificate.
func New(c Config) (*Files, error) {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.RequireClient && c.ClientCAFile == "" {
		return nil, errors.New("client certificates are required, but no authority is named that signs them")
	}
	f := &Files{config: c}
	_, err := c.Watcher.Add(context.Background(), filewatch.FileGroup{Kind: "tls", Files: c.names(), Load: f.load, Report: c.OnReload})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// WithClients returns the TLS configuration of listeners for callers: TLS 1.2 or later, HTTP/2 or
// HTTP/1.1, client certificates according to Config. It is for credentials.NewTLS of gRPC and for
// http.Server. A change of the files does not affect existing connections.
func (f *Files) WithClients() *tls.Config {
	return f.dynamic(func(m *material) *tls.Config { return m.withClients })
}

// ServerOnly is WithClients for listeners that request no client certificate.
func (f *Files) ServerOnly() *tls.Config {
	return f.dynamic(func(m *material) *tls.Config { return m.serverOnly })
}

// dynamic returns a configuration that uses the current material for each
// connection.
func (f *Files) dynamic(pick func(*material) *tls.Config) *tls.Config {
	c := base()
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return pick(f.current.Load()), nil }
	return c
}

// base is the configuration of all connections. Go prefers TLS 1.3 and chooses
// the ciphers.
func base() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
}
