package authn_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authn/authntest"
	"platform.internal/storekeeper/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	audience = "storekeeper.example.com"
	workload = "repo:my-org/payments:ref:refs/heads/main"
)

// clock is a clock that only a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Now()} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// trusting returns the configuration of an issuer that admits one repository.
func trusting(i *authntest.Issuer) authn.Issuer {
	return authn.Issuer{
		Name: "ci", URL: i.URL, Audiences: []string{audience},
		Subjects: []authn.Subject{{Match: "repo:my-org/payments:*", Tenant: "payments", Groups: []string{"ci"}}},
	}
}

// start makes an Authenticator that ends with the test.
func start(tb testing.TB, c authn.Config) *authn.Authenticator {
	tb.Helper()
	a, err := authn.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(a.Close)
	return a
}

func bearer(token string) authn.Credentials {
	return authn.Credentials{Authorization: "Bearer " + token}
}

// answer is the name of the caller, or the reason why there is none.
func answer(a *authn.Authenticator, c authn.Credentials) string {
	p, err := a.Authenticate(context.Background(), c)
	if err != nil {
		return fault.From(err).Reason
	}
	return p.Name
}

// eventually waits for something that happens in the background.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			tb.Fatalf("it never came to this: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}
