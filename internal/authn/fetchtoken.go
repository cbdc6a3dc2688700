package authn

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// addToken adds the bearer token of tokenFile to a request to the issuer's own origin, and reports whether
// the token was added. The file is read each time, because a kubelet renews it every hour.
func (f fetcher) addToken(request *http.Request) (bool, error) {
	if f.tokenFile == "" {
		return false, nil
	}
	own, err := url.Parse(f.issuer)
	if err != nil {
		return false, err
	}
	if !sameOrigin(request.URL, own) {
		return false, nil
	}
	token, err := readToken(f.tokenFile)
	if err != nil {
		return false, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	return true, nil
}

// readToken reads a file with one bearer token. The error does not repeat the content.
func readToken(file string) (string, error) {
	text, err := readFile(file)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	unfit := func(r rune) bool { return r <= ' ' || r > '~' }
	if token == "" || len(token) > maxToken || strings.ContainsFunc(token, unfit) {
		return "", fmt.Errorf("%s must hold one token of visible ASCII characters, at most %d bytes, and nothing else", file, maxToken)
	}
	return token, nil
}

// readPool reads CA certificates in PEM.
func readPool(file string) (*x509.CertPool, error) {
	text, err := readFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New(file + " holds no certificate in PEM")
	}
	return pool, nil
}
