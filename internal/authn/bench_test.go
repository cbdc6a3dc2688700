package authn_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authn/authntest"
)

// BenchmarkAuthenticate has a thousand other keys. Each iteration with a fresh token moves the clock past the
// minute for which a verified token is cached.
func BenchmarkAuthenticate(b *testing.B) {
	i, key := authntest.NewIssuer(b), authntest.NewKey(b, jose.RS256)
	i.Publish(key)
	keys := make([]authn.APIKey, 1000)
	for n := range keys {
		keys[n] = authn.APIKey{Digest: sha256.Sum256(fmt.Appendf(nil, "key-%d", n)), Principal: authn.Principal{Name: fmt.Sprintf("caller-%d", n)}}
	}
	now := newClock()
	a := start(b, authn.Config{APIKeys: keys, Issuers: []authn.Issuer{trusting(i)}, Clock: now.Now})
	claims := i.Claims(audience, workload)
	claims["exp"] = now.Now().Add(1 << 60).Unix()
	token := bearer(key.Sign(b, nil, claims))
	for name, c := range map[string]struct {
		shown authn.Credentials
		later time.Duration
	}{
		"API key": {bearer("key-500"), 0}, "token that is remembered": {token, 0}, "token that is checked": {token, 2 * time.Minute},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if c.later > 0 {
					now.advance(c.later)
				}
				if _, err := a.Authenticate(context.Background(), c.shown); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
