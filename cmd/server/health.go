package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	// healthTimeout is longer than the slowest answer of /readyz.
	healthTimeout = 4 * time.Second
	// healthText is the number of bytes of an answer that are printed.
	healthText = 1 << 10
)

// runHealth is the readiness probe of a container image without shell and curl.
// It fails if the running service is not ready.
func runHealth(ctx context.Context, args []string, t terminal) error {
	flags := flag.NewFlagSet("health", flag.ContinueOnError)
	admin := flags.String("admin", "127.0.0.1:9091", "the `address` of the admin listener")
	certFile := flags.String("tls-cert", "", "the certificate `file` of the listeners (listen.tls.cert_file), where they have one")
	if err := parse(flags, args, t); err != nil {
		return err
	}
	if _, _, err := net.SplitHostPort(*admin); err != nil {
		return usageError{"--admin must be host:port, such as 127.0.0.1:9091"}
	}
	scheme, secured := "http", (*tls.Config)(nil)
	if *certFile != "" {
		var err error
		if secured, err = trustOnly(*certFile); err != nil {
			return fmt.Errorf("--tls-cert: %w", err)
		}
		scheme = "https"
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	answer, err := askReady(ctx, scheme+"://"+*admin+"/readyz", secured)
	if err != nil {
		return err
	}
	say(t.out, "%s\n", answer)
	return nil
}

// trustOnly trusts only the certificate in a file. The server name is taken
// from the certificate, because the probe connects over loopback.
func trustOnly(certFile string) (*tls.Config, error) {
	text, err := os.ReadFile(certFile)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%s must begin with a certificate in PEM", certFile)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certFile, err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	trusting := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	switch {
	case len(certificate.DNSNames) > 0:
		trusting.ServerName = certificate.DNSNames[0]
	case len(certificate.IPAddresses) > 0:
		trusting.ServerName = certificate.IPAddresses[0].String()
	default:
		return nil, fmt.Errorf("%s: the certificate is for no host name and no IP address", certFile)
	}
	return trusting, nil
}

// askReady returns the answer of a ready service. It ignores proxies.
func askReady(ctx context.Context, url string, secured *tls.Config) (string, error) {
	question, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: secured},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(question)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, healthText))
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(body))
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %s: %s", url, answer.Status, text)
	}
	return text, nil
}
