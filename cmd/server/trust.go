package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/telemetry"
	"platform.internal/storekeeper/internal/tlsfiles"
)

// trust reports in metrics and readiness the keys of issuers and the
// certificates.
type trust struct {
	callers *authn.Authenticator
	tls     listenerTLS
	files   config.TLS
}

var errNoCallers = errors.New("no caller can be let in: there is no API key, no client certificate, and no issuer has usable keys")

// checks are the readiness conditions. The service is not ready if no caller at
// all can be authenticated. An issuer that is down affects only its own callers,
// so the check of an issuer is advisory (issuerChecks).
func (t trust) checks() []telemetry.Check {
	return []telemetry.Check{{Name: "callers", Run: func(context.Context) error {
		if t.callers.Idle() {
			return errNoCallers
		}
		return nil
	}}}
}

// issuerChecks are the advisory readiness conditions of the issuers that there are
// now.
func (t trust) issuerChecks() []telemetry.Check {
	var list []telemetry.Check
	for _, now := range t.callers.Issuers() {
		list = append(list, telemetry.Check{Name: "issuer " + now.Name, Advisory: true, Run: func(context.Context) error {
			if now.Err != nil {
				return fmt.Errorf("%w; fix: %s; %d keys are in use", now.Err, cmp.Or(authn.FixOf(now.Err), "run server doctor"), now.Keys)
			}
			return nil
		}})
	}
	return list
}

func (t trust) issuers() []telemetry.IssuerState {
	var all []telemetry.IssuerState
	for _, i := range t.callers.Issuers() {
		all = append(all, telemetry.IssuerState{
			Name: i.Name, Keys: i.Keys, Up: i.Err == nil && i.Keys > 0, Fetched: i.Fetched, Read: i.KeysRead, Ends: i.KeysEnd,
			Ahead: i.ClockAhead, ClockKnown: i.ClockKnown,
		})
	}
	return all
}

// certificates lists the certificates in use. Of several CA certificates, the
// list has the certificate that expires first.
func (t trust) certificates() []telemetry.CertificateState {
	var all []telemetry.CertificateState
	add := func(name string, c *x509.Certificate) {
		all = append(all, telemetry.CertificateState{Name: name, Begins: c.NotBefore, Ends: c.NotAfter})
	}
	if leaf := t.leaf(); leaf != nil {
		add("listener", leaf)
	}
	if t.files.ClientCAFile != "" {
		// The file watch logs a file that cannot be read.
		authorities, _ := tlsfiles.Certificates(t.files.ClientCAFile)
		if first := firstToEnd(authorities); first != nil {
			add("client_ca", first)
		}
	}
	for _, i := range t.callers.Issuers() {
		if !i.CertificateEnds.IsZero() {
			all = append(all, telemetry.CertificateState{Name: "issuer:" + i.Name, Begins: i.CertificateBegins, Ends: i.CertificateEnds})
		}
	}
	return all
}

// leaf returns the certificate that the listeners present. Nil: no TLS.
func (t trust) leaf() *x509.Certificate {
	c := t.tls.operators()
	if c == nil {
		return nil
	}
	if c.GetConfigForClient != nil {
		if now, err := c.GetConfigForClient(&tls.ClientHelloInfo{}); err == nil && now != nil {
			c = now
		}
	}
	if len(c.Certificates) == 0 {
		return nil
	}
	return c.Certificates[0].Leaf
}

func firstToEnd(list []*x509.Certificate) *x509.Certificate {
	var first *x509.Certificate
	for _, c := range list {
		if first == nil || c.NotAfter.Before(first.NotAfter) {
			first = c
		}
	}
	return first
}
