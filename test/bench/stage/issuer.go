package stage

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	issuerURL = "https://ci.bench.example"
	audience  = "storekeeper.bench.example"
	keyID     = "bench-1"
	// lifetime is longer than any run.
	lifetime = 12 * time.Hour
)

// Issuer issues tokens like a CI service. It is safe for concurrent use.
type Issuer struct {
	key    *rsa.PrivateKey
	signer jose.Signer
	mu     sync.Mutex
	// made are tokens by tenants and number, since signing takes a millisecond.
	made map[string]string
}

// NewIssuer makes an issuer with a key of 2048 bits.
func NewIssuer() (*Issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: keyID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	return &Issuer{key: key, signer: signer, made: map[string]string{}}, err
}

// keys is the JSON Web Key Set of the issuer.
func (i *Issuer) keys() ([]byte, error) {
	return json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: i.key.Public(), KeyID: keyID, Algorithm: string(jose.RS256), Use: "sig"},
	}})
}

// Tokens returns tokens of principals, which are assigned to the tenants in turn.
func (i *Issuer) Tokens(principals, tenants int) ([]string, error) {
	tokens := make([]string, principals)
	for n := range tokens {
		var err error
		if tokens[n], err = i.token(tenantName(n%tenants), n); err != nil {
			return nil, err
		}
	}
	return tokens, nil
}

func (i *Issuer) token(team string, n int) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	subject := fmt.Sprintf("repo:bench/%s:environment:e%d", team, n)
	if token := i.made[subject]; token != "" {
		return token, nil
	}
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": issuerURL, "aud": audience, "sub": subject, "jti": fmt.Sprintf("%032x", n),
		"iat": now.Add(-time.Minute).Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(lifetime).Unix(),
		"repository": "bench/" + team, "repository_owner": "bench", "ref": "refs/heads/main", "ref_type": "branch",
		"environment": fmt.Sprintf("e%d", n), "workflow": "deploy", "event_name": "push", "run_attempt": "1", "actor": "octocat",
	})
	if err != nil {
		return "", err
	}
	signed, err := i.signer.Sign(claims)
	if err != nil {
		return "", err
	}
	i.made[subject], err = signed.CompactSerialize()
	return i.made[subject], err
}

func tenantName(n int) string { return fmt.Sprintf("team-%d", n) }
