package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"time"
)

const (
	// maxFile is the most bytes of a file that are read.
	maxFile = 1 << 20
	// readTries is how often files are read that change meanwhile.
	readTries = 3
)

// material is what is made of the files as they were at one time.
type material struct {
	withClients, serverOnly *tls.Config
	expires                 time.Time
}

// read reads the files unless they are those in use, and reports whether there
// is new material. Kubernetes changes mounted files by pointing a symbolic link
// at another folder, so each path is followed anew and the identity of the file
// counts. What changes between the first and the last file is read again: one
// of the old and one of the new do not fit.
func (f *Files) read() (bool, error) {
	now, err := f.look()
	if err == nil && same(f.seen, now) {
		return false, nil
	}
	f.seen = nil
	for range readTries {
		if err != nil {
			return false, err
		}
		made, wrong := f.load()
		before := now
		if now, err = f.look(); err != nil || !same(before, now) {
			continue
		}
		if wrong != nil {
			return false, wrong
		}
		f.current.Store(made)
		f.seen = now
		return true, nil
	}
	return false, fmt.Errorf("%s and what belongs to it change all the time", f.config.CertFile)
}

// names lists the files.
func (f *Files) names() []string {
	names := []string{f.config.CertFile, f.config.KeyFile}
	if f.config.ClientCAFile != "" {
		names = append(names, f.config.ClientCAFile)
	}
	return names
}

// look tells which files there are.
func (f *Files) look() ([]os.FileInfo, error) {
	var all []os.FileInfo
	for _, name := range f.names() {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is not a regular file", name)
		}
		all = append(all, info)
	}
	return all, nil
}

func same(old, now []os.FileInfo) bool {
	if len(old) != len(now) {
		return false
	}
	for i, a := range old {
		b := now[i]
		if !os.SameFile(a, b) || a.Size() != b.Size() || !a.ModTime().Equal(b.ModTime()) {
			return false
		}
	}
	return true
}

// load makes material of the files.
func (f *Files) load() (*material, error) {
	pair, err := f.pair()
	if err != nil {
		return nil, err
	}
	m := &material{withClients: base(), serverOnly: base(), expires: pair.Leaf.NotAfter}
	m.serverOnly.Certificates = []tls.Certificate{pair}
	m.withClients.Certificates = []tls.Certificate{pair}
	if f.config.ClientCAFile == "" {
		return m, nil
	}
	if m.withClients.ClientCAs, err = authorities(f.config.ClientCAFile); err != nil {
		return nil, err
	}
	m.withClients.ClientAuth = tls.VerifyClientCertIfGiven
	if f.config.RequireClient {
		m.withClients.ClientAuth = tls.RequireAndVerifyClientCert
	}
	// Each connection is a whole handshake, so a client's certificate is held
	// against the authorities of now and never against what a session remembers.
	m.withClients.SessionTicketsDisabled = true
	return m, nil
}

// pair reads the certificate and its key.
func (f *Files) pair() (tls.Certificate, error) {
	cert, err := readFile(f.config.CertFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readFile(f.config.KeyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
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

// authorities reads certificates of authorities. One that cannot be read makes
// the file unusable: left out, it would lock its clients out without a word.
func authorities(name string) (*x509.CertPool, error) {
	text, err := readFile(name)
	if err != nil {
		return nil, err
	}
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

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing can be lost
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s must be at most %d bytes", name, maxFile)
	}
	return text, nil
}
