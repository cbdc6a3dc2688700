package authn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Advice for operators after a failed fetch.
const (
	fixDiscovery = "set issuer to the URL below which the issuer serves /.well-known/openid-configuration, or set jwks_url to its key set"
	fixKeySet    = "set jwks_url to the issuer's JSON Web Key Set, or let the issuer publish a key for signatures"
	fixTokenFile = "set token_file to a readable file that holds one bearer token and nothing else"
	fixReach     = "let this machine reach the issuer: check DNS, network policy, firewall and the proxy variables of the environment"
	fixNoToken   = "set token_file to a file with a bearer token that may read discovery and keys; in Kubernetes mount a projected service account token"
	fixBadToken  = "renew the token in token_file: the issuer does not accept it; it has ended, or is for another audience"
	fixRights    = "let the account of the token in token_file read discovery and keys; in Kubernetes bind the ClusterRole system:service-account-issuer-discovery to it"
	fixOrigin    = "the token in token_file is sent to the issuer's own origin only; set jwks_url to the key set at that origin (in Kubernetes: the issuer's URL and /openid/v1/jwks)"
	fixRedirect  = "set issuer or jwks_url to the address that the redirect leads to; redirects to another origin are not followed"
)

// FetchError is the reason why the keys of an issuer could not be fetched. It never holds the token that was
// sent.
type FetchError struct {
	// URL is the requested URL.
	URL string
	// Err is the cause.
	Err error
	// Fix is advice for an operator, with the names of the keys of callers.issuers. Empty if there is none.
	Fix string
}

// Error describes the failure without the fix.
func (e *FetchError) Error() string {
	if strings.Contains(e.Err.Error(), e.URL) {
		return e.Err.Error()
	}
	return e.URL + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *FetchError) Unwrap() error { return e.Err }

// FixOf returns advice for an operator about an error of reading keys, or "".
func FixOf(err error) string {
	if e, ok := errors.AsType[*FetchError](err); ok {
		return e.Fix
	}
	return ""
}

// refusal says why an issuer did not return a document. shown says that the
// token was sent.
func (f fetcher) refusal(from string, answer *http.Response, shown bool) *FetchError {
	status := answer.StatusCode
	e := &FetchError{URL: from, Err: fmt.Errorf("%s answered with status %d", from, status)}
	refused := status == http.StatusUnauthorized || status == http.StatusForbidden
	switch {
	case refused && f.tokenFile == "":
		e.Fix = fixNoToken
	case refused && !shown:
		e.Fix = fixOrigin
	case status == http.StatusUnauthorized:
		e.Fix = fixBadToken
	case status == http.StatusForbidden:
		e.Fix = fixRights
	case status == http.StatusNotFound && f.keysURL == "":
		e.Fix = fixDiscovery
	case status == http.StatusNotFound:
		e.Fix = fixKeySet
	case status >= 300 && status < 400:
		e.Fix = fixRedirect
	case status >= http.StatusInternalServerError:
		e.Fix = "wait for the issuer or mend it: it fails by itself; the keys that are known stay in use for keys_max_age"
	}
	return e
}

// fixOf returns advice about a failed connection.
func fixOf(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "set ca_file to the authorities that signed the issuer's certificate; in Kubernetes the key ca.crt of the ConfigMap kube-root-ca.crt"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "renew the certificate of the issuer, or set the clock of this machine"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "ask the issuer by a host name that its certificate has, with jwks_url if need be"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "correct scheme and port of the issuer: it does not speak TLS there"
	}
	if errors.Is(err, context.Canceled) {
		return ""
	}
	return fixReach
}
