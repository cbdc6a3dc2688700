package upstream_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// lingering is a transport that needs a while to end.
type lingering struct {
	http.RoundTripper
	begun chan struct{}
	ended atomic.Bool
}

func (l *lingering) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Authorization") != "Bearer "+second {
		return l.RoundTripper.RoundTrip(r)
	}
	close(l.begun)
	<-r.Context().Done()
	time.Sleep(20 * time.Millisecond)
	l.ended.Store(true)
	return nil, r.Context().Err()
}

func TestCloseWaitsForTheEndOfTheTrial(t *testing.T) {
	file := credentialFile(t)
	l := &lingering{RoundTripper: upstream.NewTransport(), begun: make(chan struct{})}
	r := rotateFrom(t, usersToken, file, first, func(c *upstream.Config) { c.Transport = l })
	write(t, file, second)
	r.use(first)
	<-l.begun
	r.client.Close()
	if !l.ended.Load() {
		t.Error("the trial goes on")
	}
	r.quiet()
	l.RoundTripper.(interface{ CloseIdleConnections() }).CloseIdleConnections()
}

// Close ends a test and a pause, and leaks nothing. The credential in use stays in use.
func TestCloseEndsTheTrial(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"that waits for an answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"that rests":               says(503, "", "Retry-After", "600"),
	} {
		t.Run(name, func(t *testing.T) {
			file := credentialFile(t)
			r := rotateFrom(t, usersToken, file, first)
			r.api.meet(handler(second, askUser, answer))
			write(t, file, second)
			r.use(first)
			eventually(t, "the trial began", func() bool { return len(r.api.asked(second)) > 0 })
			closed := make(chan struct{})
			go func() {
				r.client.Close()
				r.client.Close()
				close(closed)
			}()
			select {
			case <-closed:
			case <-within(t).Done():
				t.Fatal("Close does not return")
			}
			write(t, file, third)
			r.api.allow(third, usersToken)
			r.use(first)
			r.api.revoke(first)
			if err := read(within(t), r.client); fault.From(err).Reason != "UPSTREAM_CREDENTIAL_REFUSED" {
				t.Errorf("err = %v", err)
			}
			r.costs(second, askUser)
			r.costs(third)
		})
	}
}
