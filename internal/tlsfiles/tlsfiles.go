// Package tlsfiles has the TLS material of listeners: a certificate, its key and
// the authorities of client certificates, from files that are read again when
// they change.
//
// It must not know who listens or who calls: it says how connections are
// secured and nothing about what goes over them.
package tlsfiles

import (
	"context"
	"crypto/tls"
	"errors"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/filewatch"
)

// Config says where the material is.
type Config struct {
	// CertFile holds the certificate in PEM, followed by those of the
	// authorities between it and the root.
	CertFile string
	// KeyFile holds the private key of the certificate in PEM.
	KeyFile string
	// ClientCAFile holds the authorities, in PEM, that sign certificates of
	// clients. Empty: clients are asked for none.
	ClientCAFile string
	// RequireClient refuses connections of clients without a certificate. It
	// needs ClientCAFile.
	RequireClient bool
	// OnReload hears nil when changed files are in use, and otherwise why they
	// cannot be; what was in use before stays. An error that lasts is told once.
	// It must not block. Nil: nobody hears.
	OnReload func(error)
	// Watcher looks at the files. Nil: they are read once.
	Watcher *filewatch.Watcher
	// Clock tells the time. Nil: time.Now.
	Clock func() time.Time
}

// Files has the material. It is safe for concurrent use.
type Files struct {
	config  Config
	current atomic.Pointer[material]
}

// New reads the files. It fails where they give no usable material: a key of
// another certificate, a certificate that is not valid now, no authority.
func New(c Config) (*Files, error) {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.RequireClient && c.ClientCAFile == "" {
		return nil, errors.New("client certificates are required, but no authority is named that signs them")
	}
	f := &Files{config: c}
	_, err := c.Watcher.Add(context.Background(), filewatch.Group{Kind: "tls", Files: c.names(), Load: f.load, Report: c.OnReload})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// WithClients returns how to secure listeners that callers reach: TLS 1.2 or
// later, HTTP/2 or HTTP/1.1, client certificates as Config says. It is for
// credentials.NewTLS of gRPC and for http.Server alike. Connections that are
// made stay as they are when the files change.
func (f *Files) WithClients() *tls.Config {
	return f.dynamic(func(m *material) *tls.Config { return m.withClients })
}

// ServerOnly is WithClients for listeners that ask for no client certificate.
func (f *Files) ServerOnly() *tls.Config {
	return f.dynamic(func(m *material) *tls.Config { return m.serverOnly })
}

// Expires is when the certificate in use ends.
func (f *Files) Expires() time.Time { return f.current.Load().expires }

// dynamic makes a configuration that asks for the material of the moment.
func (f *Files) dynamic(pick func(*material) *tls.Config) *tls.Config {
	c := base()
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return pick(f.current.Load()), nil }
	return c
}

// base is what all connections have. Go prefers TLS 1.3 and chooses the ciphers.
func base() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
}
