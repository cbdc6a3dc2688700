package access

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// maxBody is the most bytes of an answer or a file that are read. Key sets have
// a few KiB.
const maxBody = 1 << 20

// fetcher asks an issuer for its keys.
type fetcher struct {
	issuer, keysURL, caFile string
}

// fetch returns the keys that the issuer publishes now.
func (f fetcher) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	client, err := f.client()
	if err != nil {
		return nil, err
	}
	from := f.keysURL
	if from == "" {
		if from, err = f.discover(ctx, client); err != nil {
			return nil, err
		}
	}
	text, err := read(ctx, client, from)
	if err != nil {
		return nil, err
	}
	return parseKeys(text)
}

// discover asks the issuer where its keys are. Who answers must say that it is
// the issuer, so that nobody is taken for another.
func (f fetcher) discover(ctx context.Context, client *http.Client) (string, error) {
	text, err := read(ctx, client, strings.TrimSuffix(f.issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return "", err
	}
	var document struct {
		Issuer  string `json:"issuer"`
		KeysURL string `json:"jwks_uri"`
	}
	if !shallow(text) || json.Unmarshal(text, &document) != nil {
		return "", errors.New("the discovery document is not JSON with texts for issuer and jwks_uri")
	}
	if document.Issuer != f.issuer {
		return "", fmt.Errorf("the discovery document is of another issuer than %s", f.issuer)
	}
	if err := secureURL(document.KeysURL); err != nil {
		return "", fmt.Errorf("the jwks_uri of the discovery document: %w", err)
	}
	return document.KeysURL, nil
}

// client makes a client for one fetch. Its authorities are read each time, since
// a cluster changes them now and then, and it keeps no connection: the next
// fetch is minutes away.
func (f fetcher) client() (*http.Client, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.caFile != "" {
		text, err := readFile(f.caFile)
		if err != nil {
			return nil, err
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", f.caFile)
		}
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust,
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
	}
	// A redirect could lead to plain text, or to whom nobody configured.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: transport, CheckRedirect: stay, Timeout: fetchTimeout}, nil
}

// read gets a small document.
func read(ctx context.Context, client *http.Client, from string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }() // what was read counts
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered with status %d", from, answer.StatusCode)
	}
	return readAtMost(answer.Body, from)
}

// secureURL refuses what would let others than the issuer say which keys are
// good.
func secureURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return errors.New("must be a URL with a host, without user and fragment")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return errors.New("must start with https://; http:// is for a loopback host only")
	}
	return nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
