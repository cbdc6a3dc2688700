package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// A TokenSource returns the token of the next call. Token is called for each
// attempt, from several goroutines, and should cache the token. Errors must not
// contain a token.
type TokenSource interface {
	Token(ctx context.Context) (string, error)
}

// StaticToken is an API key, or a token that outlives the process.
func StaticToken(token string) TokenSource { return staticToken(token) }

type staticToken string

func (s staticToken) Token(context.Context) (string, error) { return string(s), nil }

// String hides the token from logs.
func (staticToken) String() string { return "[redacted]" }

// GoString hides the token from %#v.
func (s staticToken) GoString() string { return s.String() }

// fileAge is the time for which the content of a file is cached. Kubernetes
// replaces a projected token after 80 % of its lifetime, which is at least 8
// minutes.
const fileAge = 10 * time.Second

// FileToken reads the token from a file, and reads the file again every 10 s:
// an API key in a mounted secret, or a projected token of Kubernetes, which the
// kubelet replaces. White space around the token is left out.
func FileToken(path string) TokenSource { return &fileToken{path: path, now: time.Now} }

// KubernetesTokenPath is the path at which the documented manifests project the
// token of a service account with the audience of Storekeeper.
const KubernetesTokenPath = "/run/secrets/storekeeper/token"

// KubernetesToken reads the projected token of a service account from
// KubernetesTokenPath.
func KubernetesToken() TokenSource { return FileToken(KubernetesTokenPath) }

type fileToken struct {
	path string
	now  func() time.Time

	mu    sync.Mutex
	read  time.Time
	token string
}

// Token reads the file if the cached content is older than fileAge. While the
// file cannot be read, Token returns the last token.
func (f *fileToken) Token(context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.token != "" && f.now().Sub(f.read) < fileAge {
		return f.token, nil
	}
	content, err := os.ReadFile(f.path)
	token := strings.TrimSpace(string(content))
	switch {
	case err == nil && token != "":
		f.token, f.read = token, f.now()
	case f.token != "":
	case err != nil:
		return "", fmt.Errorf("client: read the token: %w", err)
	default:
		return "", fmt.Errorf("client: %s holds no token", f.path)
	}
	return f.token, nil
}

// bearer sends tokens as credentials of each call.
type bearer struct {
	source    TokenSource
	plaintext bool
}

// errEmptyToken is returned for a source that returns no token.
var errEmptyToken = errors.New("client: the token is empty")

// GetRequestMetadata returns the authorization of one call.
func (b *bearer) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	token, err := b.source.Token(ctx)
	if err != nil {
		return nil, err
	}
	if token == "" {
		return nil, errEmptyToken
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

// RequireTransportSecurity refuses connections without TLS, unless
// WithPlaintext is set.
func (b *bearer) RequireTransportSecurity() bool { return !b.plaintext }
