package authn_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authn/authntest"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/filewatch"
)

// long is a token that outlives the test's clock.
func long(i *authntest.Issuer) string {
	return i.Token(audience, workload, map[string]any{"exp": time.Now().Add(1000 * time.Hour).Unix()})
}

// fetched starts an Authenticator that has the keys of the issuer.
func fetched(t *testing.T, i *authntest.Issuer, c *clock) *authn.Authenticator {
	t.Helper()
	a := start(t, authn.Config{Issuers: []authn.Issuer{trusting(i)}, Clock: c.Now})
	if got := answer(a, bearer(long(i))); got != "ci:"+workload {
		t.Fatalf("a good token: %s", got)
	}
	return a
}

func down(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }

func TestUnknownKeysAreAskedForAtABoundedRate(t *testing.T) {
	i, c := authntest.NewIssuer(t), newClock()
	a := fetched(t, i, c)
	claims := i.Claims(audience, workload)
	// Each token names another unknown key, like an attacker's tokens.
	flood := func() {
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() {
				for range 20 {
					if got := answer(a, bearer(authntest.NewKey(t, jose.EdDSA).Sign(t, nil, claims))); got != authn.BadSignature {
						t.Errorf("got %s", got)
					}
				}
			})
		}
		calls.Wait()
	}
	flood()
	if n := i.Fetches(); n != 1 {
		t.Fatalf("%d fetches in the first 10 s, want the first one only", n)
	}
	for window := 2; window <= 4; window++ {
		c.advance(10*time.Second - time.Nanosecond)
		flood()
		if n := i.Fetches(); n != window-1 {
			t.Fatalf("%d fetches before 10 s had passed, want %d", n, window-1)
		}
		c.advance(time.Nanosecond)
		flood()
		if n := i.Fetches(); n != window {
			t.Fatalf("%d fetches, want %d", n, window)
		}
	}
}

func TestBadSignatureUnderAKnownKeyAsksForNothing(t *testing.T) {
	i, c := authntest.NewIssuer(t), newClock()
	a := fetched(t, i, c)
	borrowed := authntest.NewKey(t, jose.ES256)
	borrowed.ID = i.Key().ID
	for range 3 {
		c.advance(time.Minute)
		if got := answer(a, bearer(borrowed.Sign(t, nil, i.Claims(audience, workload)))); got != authn.BadSignature {
			t.Errorf("got %s", got)
		}
	}
	if n := i.Fetches(); n != 1 {
		t.Errorf("%d fetches, want the first one only", n)
	}
}

func TestNewKeyIsFoundAndOldOneForgotten(t *testing.T) {
	i, c := authntest.NewIssuer(t), newClock()
	a := fetched(t, i, c)
	old := long(i)
	i.Publish(authntest.NewKey(t, jose.EdDSA))
	if got := answer(a, bearer(old)); got != "ci:"+workload {
		t.Errorf("the old key before anyone knows of the new: %s", got)
	}
	c.advance(10 * time.Second)
	if got := answer(a, bearer(long(i))); got != "ci:"+workload {
		t.Errorf("the new key: %s", got)
	}
	// The token was cached, but not for longer than its key is valid.
	if got := answer(a, bearer(old)); got != authn.BadSignature {
		t.Errorf("the old key: %s", got)
	}
}

func TestTokenWithoutAKeyNameFindsTheNewKey(t *testing.T) {
	i, c := authntest.NewIssuer(t), newClock()
	a := fetched(t, i, c)
	i.Publish(authntest.NewKey(t, jose.ES256))
	c.advance(10 * time.Second)
	if got := answer(a, bearer(i.Key().Sign(t, map[string]any{"kid": nil}, i.Claims(audience, workload)))); got != "ci:"+workload {
		t.Errorf("got %s", got)
	}
}

func TestTokenIsRememberedUntilItEnds(t *testing.T) {
	i, c := authntest.NewIssuer(t), newClock()
	a := fetched(t, i, c)
	token := i.Token(audience, workload, map[string]any{"exp": c.Now().Add(30 * time.Second).Unix()})
	if got := answer(a, bearer(token)); got != "ci:"+workload {
		t.Errorf("got %s", got)
	}
	c.advance(30 * time.Second)
	if got := answer(a, bearer(token)); got != authn.Expired {
		t.Errorf("got %s", got)
	}
}

func TestManyTokensAreRemembered(t *testing.T) {
	i, c := authntest.NewIssuer(t), newClock()
	a := fetched(t, i, c)
	filler := strings.Repeat("x", 11<<10)
	var tokens []string
	for range 640 { // more than a generation of the cache holds
		tokens = append(tokens, i.Token(audience, workload, map[string]any{"x": filler}))
	}
	for range 2 {
		for _, token := range tokens {
			if got := answer(a, bearer(token)); got != "ci:"+workload {
				t.Fatalf("got %s", got)
			}
		}
	}
}

func TestKeysServeWhileTheIssuerIsDown(t *testing.T) {
	i, c := authntest.NewIssuer(t), newClock()
	a := fetched(t, i, c)
	i.Instead(down)
	c.advance(24 * time.Hour)
	if got := answer(a, bearer(long(i))); got != "ci:"+workload {
		t.Errorf("after a day: %s", got)
	}
	if got := answer(a, bearer(authntest.NewKey(t, jose.ES256).Sign(t, nil, i.Claims(audience, workload)))); got != authn.BadSignature {
		t.Errorf("an unknown key: %s", got)
	}
	c.advance(10 * time.Second)
	_, err := a.Authenticate(t.Context(), bearer(long(i)))
	if f := fault.From(err); f.Kind != fault.Unavailable || f.Reason != authn.IssuerUnavailable || f.RetryAfter < time.Second {
		t.Errorf("after more than a day: %+v", f)
	}
	i.Instead(nil)
	c.advance(10 * time.Second)
	if got := answer(a, bearer(long(i))); got != "ci:"+workload {
		t.Errorf("after healing: %s", got)
	}
}

func TestIssuerThatIsDownAtTheStart(t *testing.T) {
	i, c := authntest.NewIssuer(t), newClock()
	i.Instead(down)
	a := start(t, authn.Config{Issuers: []authn.Issuer{trusting(i)}, Clock: c.Now})
	for range 20 {
		_, err := a.Authenticate(t.Context(), bearer(long(i)))
		if f := fault.From(err); f.Kind != fault.Unavailable || f.Reason != authn.IssuerUnavailable || f.RetryAfter != 10*time.Second {
			t.Fatalf("got %+v", f)
		}
	}
	i.Instead(nil)
	if got := answer(a, bearer(long(i))); got != authn.IssuerUnavailable {
		t.Errorf("before 10 s have passed: %s", got)
	}
	c.advance(10 * time.Second)
	if got := answer(a, bearer(long(i))); got != "ci:"+workload {
		t.Errorf("after healing: %s", got)
	}
}

func TestSlowIssuerHoldsNobodyWhoseKeyIsKnown(t *testing.T) {
	i, c := authntest.NewIssuer(t), newClock()
	a := fetched(t, i, c)
	asked := make(chan struct{}, 16)
	i.Instead(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	c.advance(10 * time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	unknown := make(chan error)
	go func() {
		_, err := a.Authenticate(ctx, bearer(authntest.NewKey(t, jose.ES256).Sign(t, nil, i.Claims(audience, workload))))
		unknown <- err
	}()
	<-asked
	if got := answer(a, bearer(long(i))); got != "ci:"+workload {
		t.Errorf("a known key: %s", got)
	}
	cancel()
	if f := fault.From(<-unknown); f.Kind != fault.Canceled {
		t.Errorf("an unknown key: %+v", f)
	}
	// Closing the Authenticator, in the cleanup, ends the fetch as well.
}

func TestKeysAreFetchedInTheBackground(t *testing.T) {
	i := authntest.NewIssuer(t)
	quick := trusting(i)
	quick.RefreshEvery, quick.RefreshAtMost = 5*time.Millisecond, time.Millisecond
	a := start(t, authn.Config{Issuers: []authn.Issuer{quick}})
	eventually(t, "three fetches without a call", func() bool { return i.Fetches() >= 3 })
	a.Close() // leaves nothing running, as the end of all tests checks
}

func TestManyCallsAtOnceWhileKeysChange(t *testing.T) {
	i := authntest.NewIssuer(t)
	quick := trusting(i)
	quick.RefreshEvery, quick.RefreshAtMost = time.Millisecond, time.Nanosecond
	a := start(t, authn.Config{Issuers: []authn.Issuer{quick}})
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			for n := range 40 {
				if n%10 == 0 {
					i.Publish(authntest.NewKey(t, jose.ES256), i.Key())
				}
				if got := answer(a, bearer(i.Token(audience, workload, nil))); got != "ci:"+workload && got != authn.BadSignature {
					t.Errorf("got %s", got)
				}
			}
		})
	}
	calls.Wait()
}

func TestKeysFromAFileAreReadAgain(t *testing.T) {
	i, files := authntest.NewIssuer(t), filewatch.New(filewatch.Config{Debounce: time.Millisecond})
	i.Instead(func(http.ResponseWriter, *http.Request) { t.Error("the issuer was asked") })
	file := filepath.Join(t.TempDir(), "keys.json")
	publish := func(text []byte) {
		if err := os.WriteFile(file+".new", text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	publish(i.KeySet())
	offline := trusting(i)
	offline.JWKSFile = file
	var events []authn.KeyEvent
	a := start(t, authn.Config{Issuers: []authn.Issuer{offline}, Files: files, OnKeys: func(e authn.KeyEvent) { events = append(events, e) }})
	old := long(i)
	if got := answer(a, bearer(old)); got != "ci:"+workload {
		t.Errorf("the first key: %s", got)
	}
	i.Publish(authntest.NewKey(t, jose.ES256))
	publish(i.KeySet())
	if got := answer(a, bearer(long(i))); got != authn.BadSignature {
		t.Errorf("the second key before the file was looked at: %s", got)
	}
	files.Recheck(t.Context())
	if got := answer(a, bearer(long(i))); got != "ci:"+workload {
		t.Errorf("the second key: %s", got)
	}
	if got := answer(a, bearer(old)); got != authn.BadSignature {
		t.Errorf("the first key after that: %s", got)
	}
	publish([]byte("{}"))
	for range 3 {
		files.Recheck(t.Context())
		if got := answer(a, bearer(long(i))); got != "ci:"+workload {
			t.Errorf("with a broken file: %s", got)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	files.Recheck(t.Context())
	if got := answer(a, bearer(long(i))); got != "ci:"+workload {
		t.Errorf("without the file: %s", got)
	}
	if len(events) != 4 || events[1].Err != nil || events[2].Err == nil || events[3].Err == nil || events[3].Keys != 1 {
		t.Errorf("events are %+v", events)
	}
}
