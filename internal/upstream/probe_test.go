package upstream_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// handler responds to the calls with a credential and a question.
func handler(cred, ask string, h http.HandlerFunc) func(http.ResponseWriter, *http.Request, sent) bool {
	return func(w http.ResponseWriter, r *http.Request, s sent) bool {
		if s.cred != cred || s.ask != ask {
			return false
		}
		h(w, r)
		return true
	}
}

// hang blocks a question with a credential until open is closed.
func (r *rotation) hang(cred, ask string) (begun, open chan struct{}) {
	begun, open = make(chan struct{}), make(chan struct{})
	r.api.meet(func(_ http.ResponseWriter, _ *http.Request, s sent) bool {
		if s == (sent{ask, cred}) {
			close(begun) // a second time is a panic
			<-open
			r.api.meet(nil)
		}
		return false
	})
	return begun, open
}

// A file that changes during a test of its content is noticed without another trigger.
func TestFileThatChangesDuringTheTrial(t *testing.T) {
	t.Parallel()
	file := credentialFile(t)
	r := rotateFrom(t, usersToken, file, first)
	r.api.allow(second, usersToken)
	r.api.allow(third, accountsToken)
	begun, open := r.hang(second, askUser)
	write(t, file, second)
	r.use(first)
	<-begun
	write(t, file, third)
	r.use(first)
	close(open)
	r.told("ok")
	r.told("ok")
	r.use(third)
	r.costs(third, askUser, askAccount, askQuota)
}

// During a slow test there is no other test, and no call waits.
func TestSlowTrial(t *testing.T) {
	file := credentialFile(t)
	r := rotateFrom(t, usersToken, file, first)
	r.api.allow(second, usersToken)
	begun, open := r.hang(second, askUser)
	write(t, file, second)
	r.use(first)
	<-begun
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 10 {
				r.clock.move(time.Second)
				if err := read(within(t), r.client); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(r.reads(first)); n != 161 {
		t.Errorf("%d calls were sent with the old credential, want 161", n)
	}
	close(open)
	r.told("ok")
	r.use(second)
	r.costs(second, askUser, askQuota)
	r.quiet()
}

// A transient error is no verdict: the test continues automatically from its last step, and the old
// credential stays in use.
func TestTroubleDuringTheTrial(t *testing.T) {
	t.Parallel()
	silence := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	misrouted := failure(`{"code":7003,"message":"Could not route to /x"}`)
	tests := map[string]struct {
		kind, ask string
		answer    http.HandlerFunc
		reason    string
		costs     []string
	}{
		// net/http repeats a read by itself when a kept connection is cut.
		"a cut connection":        {usersToken, askUser, raw(""), "UPSTREAM_UNREACHABLE", nil},
		"silence":                 {usersToken, askUser, silence, "DEADLINE_EXCEEDED", []string{askUser, askUser, askQuota}},
		"an outage":               {usersToken, askUser, says(503, "<html>"), "UPSTREAM_UNAVAILABLE", []string{askUser, askUser, askQuota}},
		"a firewall":              {usersToken, askUser, says(403, "<html>"), "UPSTREAM_BLOCKED", []string{askUser, askUser, askQuota}},
		"an outage in the middle": {accountsToken, askAccount, says(500, ""), "UPSTREAM_UNAVAILABLE", []string{askUser, askAccount, askAccount, askQuota}},
		"an outage at the end":    {accountsToken, askQuota, says(500, ""), "UPSTREAM_UNAVAILABLE", []string{askUser, askAccount, askQuota, askQuota}},
		"a page at the end":       {usersToken, askQuota, says(200, "<html>"), "UPSTREAM_ANSWER_UNREADABLE", []string{askUser, askQuota, askQuota}},
		"too many calls":          {usersToken, askQuota, says(429, "", "Retry-After", "1"), "UPSTREAM_THROTTLED", []string{askUser, askQuota, askQuota}},
		"an answer without sense": {usersToken, askUser, says(200, success("{}")), "UPSTREAM_ANSWER_UNREADABLE", []string{askUser, askAccount, askUser, askQuota}},
		"a missing route":         {usersToken, askUser, says(404, misrouted), "UPSTREAM_REQUEST_REFUSED", []string{askUser, askAccount, askUser, askQuota}},
		"an outage of a key":      {globalKey, askQuota, says(502, ""), "UPSTREAM_UNAVAILABLE", []string{askQuota, askQuota}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := credentialFile(t)
			r := rotateFrom(t, tt.kind, file, first, func(c *upstream.Config) {
				// On a busy machine any other answer may take longer.
				if tt.reason == "DEADLINE_EXCEEDED" {
					c.Timeout = time.Second
				}
			})
			r.api.allow(second, tt.kind)
			r.api.meet(handler(second, tt.ask, tt.answer))
			write(t, file, second)
			r.use(first)
			r.told("the new credential could not be tried yet: " + tt.reason)
			r.api.meet(nil)
			r.use(first)
			r.told("ok")
			r.use(second)
			if tt.costs != nil {
				r.costs(second, tt.costs...)
			}
			r.quiet()
		})
	}
}

// A candidate in trouble makes way for the next content of the file.
func TestTroubledCandidateIsReplaced(t *testing.T) {
	t.Parallel()
	file := credentialFile(t)
	r := rotateFrom(t, usersToken, file, first)
	r.api.meet(handler(second, askUser, says(429, "", "Retry-After", "600")))
	write(t, file, second)
	r.use(first)
	r.told("THROTTLED")
	r.api.allow(third, usersToken)
	write(t, file, third)
	r.use(first)
	r.told("ok")
	r.use(third)
}

// The candidate rests for long. As soon as the old credential is revoked, the
// candidate is tried, and the call that found out does not fail.
func TestRevokedOldCredentialHurriesTheCandidate(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(context.Context, *upstream.Client) error{"a read": read, "a change": create} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := credentialFile(t)
			r := rotateFrom(t, usersToken, file, first)
			r.api.allow(second, usersToken)
			r.api.meet(handler(second, askUser, says(503, "", "Retry-After", "600")))
			write(t, file, second)
			r.use(first)
			r.told("UNAVAILABLE")
			r.api.meet(nil)
			r.api.revoke(first)
			if err := call(within(t), r.client); err != nil {
				t.Errorf("the call failed: %v", err)
			}
			r.told("ok")
			r.costs(second, askUser, askUser, askQuota)
		})
	}
}

// A refused call does not bypass Cloudflare's rate limit, and no call waits for the end of the
// limit.
func TestThrottledCandidateIsNotHurried(t *testing.T) {
	file := credentialFile(t)
	r := rotateFrom(t, usersToken, file, first)
	r.api.meet(handler(second, askUser, says(429, "", "Retry-After", "600")))
	write(t, file, second)
	r.use(first)
	r.told("THROTTLED")
	r.api.revoke(first)
	for range 3 {
		if err := read(within(t), r.client); fault.From(err).Reason != "UPSTREAM_CREDENTIAL_REFUSED" {
			t.Errorf("err = %v", err)
		}
	}
	r.costs(second, askUser)
}

// The same if the refused call came before the rate limit.
func TestHasteBeforeTheThrottlingIsForgotten(t *testing.T) {
	t.Parallel()
	file := credentialFile(t)
	r := rotateFrom(t, usersToken, file, first)
	r.api.revoke(first)
	begun, open := make(chan struct{}), make(chan struct{})
	r.api.meet(handler(second, askUser, func(w http.ResponseWriter, q *http.Request) {
		begun <- struct{}{}
		<-open
		says(429, "", "Retry-After", "600")(w, q)
	}))
	write(t, file, second)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := read(within(t), r.client); fault.From(err).Reason != "UPSTREAM_CREDENTIAL_REFUSED" {
				t.Errorf("err = %v", err)
			}
		})
	}
	<-begun
	eventually(t, "all calls were refused", func() bool { return len(r.reads(first)) == 4 })
	close(open)
	wg.Wait()
	select {
	case <-begun:
		t.Error("the candidate was tried again")
	case <-time.After(1200 * time.Millisecond): // a little more than haste leaves
	}
}
