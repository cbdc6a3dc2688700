package main

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/tlsfiles"
)

// renewBefore is the remaining lifetime at which a certificate should be
// renewed. For a short-lived certificate, a third of the lifetime counts
// instead.
const renewBefore = 14 * 24 * time.Hour

// certificates checks the TLS files as serve reads them, and the expiry of
// their certificates.
func (d *doctor) certificates(c config.TLS) {
	if !c.Enabled() {
		return
	}
	if _, err := newListenerTLS(c, nil, zap.NewNop()); err != nil {
		d.fail("listen.tls", err, "put a certificate that is valid now and the key that belongs to it into listen.tls.cert_file and listen.tls.key_file")
		return
	}
	d.ok("listen.tls", "the certificate and its key fit")
	for _, f := range []struct{ check, file string }{{"listen.tls.cert_file", c.CertFile}, {"listen.tls.client_ca_file", c.ClientCAFile}} {
		if f.file == "" {
			continue
		}
		list, err := tlsfiles.Certificates(f.file)
		if err != nil {
			d.fail(f.check, err, "write certificates in PEM into "+f.file)
			continue
		}
		for _, one := range list {
			d.checkExpiry(f.check, one.Subject.String(), one.NotBefore, one.NotAfter)
		}
	}
}

// checkExpiry reports when a certificate expires.
func (d *doctor) checkExpiry(check, name string, begins, ends time.Time) {
	left := time.Until(ends)
	text := fmt.Sprintf("the certificate %q ends at %s, in %s", name, ends.UTC().Format(time.RFC3339), formatDays(left))
	fix := "renew it; changed files are read without a restart"
	switch {
	case left <= 0:
		d.fail(check, errors.New("the certificate "+name+" ended at "+ends.UTC().Format(time.RFC3339)), fix)
	case time.Until(begins) > 0:
		d.fail(check, fmt.Errorf("the certificate %q is valid from %s only", name, begins.UTC().Format(time.RFC3339)), "set the clock of this machine, or wait")
	case left < min(renewBefore, ends.Sub(begins)/3):
		d.warn(check, text, fix)
	default:
		d.ok(check, text)
	}
}

// formatDays formats a long duration in days.
func formatDays(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	return d.Round(time.Minute).String()
}
