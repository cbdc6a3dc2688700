package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"
)

// material is the TLS configuration from one version of the files.
type material struct {
	withClients, serverOnly *tls.Config
}

// names lists the files.
func (c *Config) names() []string {
	names := []string{c.CertFile, c.KeyFile}
	if c.ClientCAFile != "" {
		names = append(names, c.ClientCAFile)
	}
	return names
}

// load puts new content of the files into use.
func (f *Files) load(contents [][]byte) error {
	pair, err := f.pair(contents[0], contents[1])
	if err != nil {
		return err
	}
	m := &material{withClients: base(), serverOnly: base()}
	m.serverOnly.Certificates = []tls.Certificate{pair}
	m.withClients.Certificates = []tls.Certificate{pair}
	if f.config.ClientCAFile != "" {
		if err := f.requestClientCertificates(m, contents[2]); err != nil {
			return err
		}
	}
	f.current.Store(m)
	return nil
}

// requestClientCertificates makes listeners request client certificates.
func (f *Files) requestClientCertificates(m *material, text []byte) error {
	var err error
	if m.withClients.ClientCAs, err = authorities(f.config.ClientCAFile, text); err != nil {
		return err
	}
	m.withClients.ClientAuth = tls.VerifyClientCertIfGiven
	if f.config.RequireClient {
		m.withClients.ClientAuth = tls.RequireAndVerifyClientCert
	}
	// Without session tickets each connection has a full handshake, so that a client certificate is
	// verified against the present CA certificates, and not those of an earlier session.
	m.withClients.SessionTicketsDisabled = true
	return nil
}

// pair returns the certificate with its key.
func (f *Files) pair(cert, key []byte) (tls.Certificate, error) {
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s and %s: %w", f.config.CertFile, f.config.KeyFile, err)
	}
	now := f.config.Clock()
	if now.Before(pair.Leaf.NotBefore) || now.After(pair.Leaf.NotAfter) {
		return tls.Certificate{}, fmt.Errorf("the certificate in %s is valid from %s to %s only", f.config.CertFile,
			pair.Leaf.NotBefore.UTC().Format(time.RFC3339), pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return pair, nil
}

// authorities parses CA certificates. A certificate that cannot be parsed makes the whole file
// unusable, because skipping the certificate would silently lock out clients.
func authorities(name string, text []byte) (*x509.CertPool, error) {
	pool, found := x509.NewCertPool(), 0
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s must hold certificates only", name)
		}
		authority, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d cannot be read: %w", name, found+1, err)
		}
		if !authority.IsCA {
			return nil, fmt.Errorf("%s: certificate %d is not that of an authority", name, found+1)
		}
		pool.AddCert(authority)
		found++
	}
	if found == 0 {
		return nil, fmt.Errorf("%s holds no certificate in PEM", name)
	}
	return pool, nil
}
