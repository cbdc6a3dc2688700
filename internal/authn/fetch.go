package authn

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

const (
	// maxBody is the maximum size of an answer or a file, in bytes, after
	// decompression. Key sets have a few KiB.
	maxBody = 1 << 20
	// maxRedirects is the maximum number of redirects of one request.
	maxRedirects = 3
	// accepted lists the media types of discovery documents and key sets.
	// Kubernetes serves its keys as application/jwk-set+json only, and answers
	// 406 to a client that accepts only application/json.
	accepted = "application/json, application/jwk-set+json"
)

// fetcher fetches the keys of an issuer.
type fetcher struct {
	issuer, keysURL, caFile, tokenFile string
}

// fetchResult is the answer of an issuer.
type fetchResult struct {
	keys []jose.JSONWebKey
	// url is the URL of the keys.
	url string
	// clockAhead is how far the issuer's clock is ahead of the own clock, by its Date header. clockKnown is
	// false without that header.
	clockAhead time.Duration
	clockKnown bool
	// certificateBegins and certificateEnds belong to the certificate in the issuer's chain that expires
	// first. Zero: the connection had no TLS.
	certificateBegins, certificateEnds time.Time
}

// fetch returns the keys that the issuer publishes now. An error is a
// *FetchError.
func (f fetcher) fetch(ctx context.Context) (fetchResult, error) {
	var got fetchResult
	client, err := f.client()
	if err != nil {
		return got, err
	}
	from := f.keysURL
	if from == "" {
		if from, err = f.discover(ctx, client, &got); err != nil {
			return got, err
		}
	}
	for _, got.url = range f.keyURLs(from) {
		if got.keys, err = f.readKeys(ctx, client, &got); err == nil {
			break
		}
	}
	return got, err
}

// keyURLs lists the URLs to try. The Kubernetes API server names its own, often internal, address in
// jwks_uri, and also serves the keys at the same path of the issuer. The token is only sent to the issuer's
// origin, so that URL is first. An issuer with a path may share its origin with other issuers, whose keys
// must not be used.
func (f fetcher) keyURLs(from string) []string {
	own, err := url.Parse(f.issuer)
	if err != nil || f.tokenFile == "" || f.keysURL != "" || strings.Trim(own.Path, "/") != "" || own.RawQuery != "" {
		return []string{from}
	}
	named, err := url.Parse(from)
	if err != nil || sameOrigin(own, named) {
		return []string{from}
	}
	named.Scheme, named.Host = own.Scheme, own.Host
	return []string{named.String(), from}
}

// readKeys reads the keys at got.url.
func (f fetcher) readKeys(ctx context.Context, client *http.Client, got *fetchResult) ([]jose.JSONWebKey, error) {
	text, err := f.read(ctx, client, got.url, got)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(text)
	if err != nil {
		return nil, &FetchError{URL: got.url, Err: err, Fix: fixKeySet}
	}
	return keys, nil
}

// discover reads the discovery document and returns the URL of the keys. The document must name the same
// issuer, so that one issuer cannot impersonate another.
func (f fetcher) discover(ctx context.Context, client *http.Client, got *fetchResult) (string, error) {
	from := strings.TrimSuffix(f.issuer, "/") + "/.well-known/openid-configuration"
	text, err := f.read(ctx, client, from, got)
	if err != nil {
		return "", err
	}
	var document struct {
		Issuer  string `json:"issuer"`
		KeysURL string `json:"jwks_uri"`
	}
	if !shallow(text) || json.Unmarshal(text, &document) != nil {
		return "", &FetchError{URL: from, Err: errors.New("the discovery document is not JSON with texts for issuer and jwks_uri"), Fix: fixDiscovery}
	}
	if document.Issuer != f.issuer {
		err := fmt.Errorf("the discovery document is of another issuer than %s: it names %q", f.issuer, bounded(document.Issuer, maxRecordedBytes))
		return "", &FetchError{URL: from, Err: err, Fix: "set issuer to the issuer that the document names, letter for letter, if the claim iss of its tokens is the same"}
	}
	if err := secureURL(document.KeysURL); err != nil {
		return "", &FetchError{URL: from, Err: fmt.Errorf("the jwks_uri of the discovery document: %w", err), Fix: fixDiscovery}
	}
	return document.KeysURL, nil
}

// client returns a client for one fetch. It reads the CA certificates each time, because a cluster rotates
// them, and keeps no connection, because the next fetch is minutes away.
func (f fetcher) client() (*http.Client, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.caFile != "" {
		pool, err := readPool(f.caFile)
		if err != nil {
			return nil, &FetchError{URL: f.issuer, Err: err, Fix: "set ca_file to a file with the authorities of the issuer's certificate in PEM"}
		}
		trust.RootCAs = pool
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust,
		DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
	}
	return &http.Client{Transport: transport, CheckRedirect: followSameOrigin, Timeout: fetchTimeout}, nil
}

// followSameOrigin follows redirects within one origin only. Another redirect
// could lead to plain text or to a host that is not configured, and would send
// the token there.
func followSameOrigin(next *http.Request, before []*http.Request) error {
	if len(before) > maxRedirects || !sameOrigin(next.URL, before[0].URL) {
		return http.ErrUseLastResponse
	}
	return nil
}

// read gets a small document, and records information about the server.
func (f fetcher) read(ctx context.Context, client *http.Client, from string, got *fetchResult) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, &FetchError{URL: from, Err: err}
	}
	request.Header.Set("Accept", accepted)
	shown, err := f.addToken(request)
	if err != nil {
		return nil, &FetchError{URL: from, Err: err, Fix: fixTokenFile}
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, &FetchError{URL: from, Err: err, Fix: fixOf(err)}
	}
	defer func() { _ = answer.Body.Close() }() // the data read before counts
	got.recordServer(answer)
	if answer.StatusCode != http.StatusOK {
		return nil, f.refusal(from, answer, shown)
	}
	if encoding := answer.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, &FetchError{URL: from, Err: fmt.Errorf("the answer has content encoding %q", bounded(encoding, maxRecordedBytes)), Fix: "let the issuer answer with gzip or without compression"}
	}
	text, err := readAtMost(answer.Body, from)
	if err != nil {
		return nil, &FetchError{URL: from, Err: err}
	}
	// RFC 8259 lets readers ignore a byte order mark.
	return bytes.TrimPrefix(text, []byte("\ufeff")), nil
}

// recordServer records the clock and the certificate of the issuer.
func (g *fetchResult) recordServer(answer *http.Response) {
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		// A shared cache repeats the Date of the original answer and adds Age.
		age, _ := strconv.Atoi(answer.Header.Get("Age"))
		g.clockAhead, g.clockKnown = time.Until(date.Add(time.Duration(max(age, 0))*time.Second)), true
	}
	if answer.TLS == nil {
		return
	}
	for _, c := range answer.TLS.PeerCertificates {
		if g.certificateEnds.IsZero() || c.NotAfter.Before(g.certificateEnds) {
			g.certificateBegins, g.certificateEnds = c.NotBefore, c.NotAfter
		}
	}
}

// secureURL refuses URLs with which others than the issuer could supply keys.
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

// sameOrigin reports whether two URLs have the same scheme, host and port.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
