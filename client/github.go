package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// Variables of a GitHub Actions job whose workflow has "permissions: id-token:
// write".
const (
	githubURL   = "ACTIONS_ID_TOKEN_REQUEST_URL"
	githubToken = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

const (
	// githubMargin is the remaining lifetime at which a token is replaced.
	githubMargin = time.Minute
	// githubTimeout bounds one request for a token.
	githubTimeout = 10 * time.Second
	// maxTokenAnswer bounds the answer with a token, in bytes.
	maxTokenAnswer = 64 << 10
)

// GitHubActions gets a token of the running job for the audience from GitHub,
// and a new token a minute before the expiry. The workflow needs "permissions:
// id-token: write".
func GitHubActions(audience string) TokenSource {
	return &githubActions{audience: audience, http: &http.Client{Timeout: githubTimeout}, now: time.Now}
}

type githubActions struct {
	audience string
	http     *http.Client
	now      func() time.Time

	mu      sync.Mutex
	token   string
	expires time.Time
}

// Token returns the cached token, or a new token.
func (g *githubActions) Token(ctx context.Context) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.token != "" && g.now().Before(g.expires.Add(-githubMargin)) {
		return g.token, nil
	}
	token, err := g.ask(ctx)
	if err != nil {
		return "", fmt.Errorf("client: ask GitHub for a token: %w", err)
	}
	expires, err := expiry(token)
	if err != nil {
		return "", fmt.Errorf("client: the token of GitHub: %w", err)
	}
	g.token, g.expires = token, expires
	return token, nil
}

// ask sends one request for a token.
func (g *githubActions) ask(ctx context.Context) (string, error) {
	address, secret := os.Getenv(githubURL), os.Getenv(githubToken)
	if address == "" || secret == "" {
		return "", fmt.Errorf("%s and %s are not set; the workflow needs \"permissions: id-token: write\"", githubURL, githubToken)
	}
	//nolint:gosec // GitHub gives the address to the job in a variable.
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"&audience="+url.QueryEscape(g.audience), http.NoBody)
	if err != nil {
		return "", errors.New(githubURL + " is no address")
	}
	request.Header.Set("Authorization", "Bearer "+secret)
	answer, err := g.http.Do(request) //nolint:gosec // As above.
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }() // It was read as far as it is needed.
	if answer.StatusCode != http.StatusOK {
		return "", errors.New(answer.Status)
	}
	var given struct {
		Value string `json:"value"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxTokenAnswer)).Decode(&given); err != nil || given.Value == "" {
		return "", errors.New("the answer holds no token")
	}
	return given.Value, nil
}

// expiry returns the expiry of a token. It does not verify the token; the server does.
func expiry(token string) (time.Time, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}, errors.New("it is no JSON web token")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}, errors.New("its claims are not base64url")
	}
	var claims struct {
		Expires int64 `json:"exp"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Expires == 0 {
		return time.Time{}, errors.New("it has no claim exp")
	}
	return time.Unix(claims.Expires, 0), nil
}
