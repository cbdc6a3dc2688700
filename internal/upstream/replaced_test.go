package upstream_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// hold starts a call and returns once Cloudflare has received the call. Cloudflare responds when
// end is called.
func hold(r *rotation, call func(context.Context, *upstream.Client) error, h http.HandlerFunc) (end func() error) {
	begun, open, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var one sync.Once
	r.api.meet(func(w http.ResponseWriter, q *http.Request, _ sent) bool {
		held := false
		one.Do(func() {
			held = true
			close(begun)
			<-open
			h(w, q)
		})
		return held
	})
	ctx := within(r.t)
	go func() { ended <- call(ctx, r.client) }()
	<-begun
	r.api.meet(nil)
	return func() error {
		close(open)
		return <-ended
	}
}

// A call in progress during a change of the credential does not fail because the old credential is
// revoked: Cloudflare refused the call before any effect. A call that failed for another reason is
// not repeated.
func TestCallUnderWayWhenTheCredentialChanges(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer http.HandlerFunc
		reason string
		// undocumented says that the answer proves nothing about a change.
		undocumented bool
	}{
		"401":                         {says(401, failure(`{"code":10000,"message":"Authentication error"}`)), "", false},
		"401 without a word":          {says(401, ""), "", true},
		"403":                         {says(403, failure(`{"code":9109,"message":"Unauthorized"}`)), "", false},
		"400 at the door":             {says(400, failure(`{"code":9109,"message":"Invalid access token"}`)), "", false},
		"a firewall's 403":            {says(403, "<html>"), "UPSTREAM_BLOCKED", true},
		"a refusal at 200":            {says(200, failure(`{"code":10000,"message":"Authentication error"}`)), "UPSTREAM_CREDENTIAL_REFUSED", true},
		"a refusal in an outage":      {says(500, failure(`{"code":10000,"message":"Authentication error"}`)), "UPSTREAM_", true},
		"a refusal of the input":      {says(400, failure(`{"code":1001,"message":"secret_name_empty"}`)), "SECRET_NAME_EMPTY", false},
		"a budget that is spent":      {says(429, ""), "UPSTREAM_THROTTLED", true},
		"an answer that is not whole": {raw(halfAnswer), "UPSTREAM_", true},
	}
	calls := map[string]func(context.Context, *upstream.Client) error{askRead: read, askCreate: create}
	for name, tt := range tests {
		for ask, call := range calls {
			t.Run(name+" to a "+ask, func(t *testing.T) {
				t.Parallel()
				file := credentialFile(t)
				r := rotateFrom(t, usersToken, file, first)
				end := hold(r, call, tt.answer)
				r.api.allow(second, usersToken)
				write(t, file, second)
				r.use(first)
				r.told("ok")
				err := end()
				reason := tt.reason
				if ask == askCreate && tt.undocumented {
					reason = fault.ReasonUpstreamAnswerLost
				}
				var repeats []string
				if reason == "" {
					repeats = []string{ask}
				}
				if (err == nil) != (reason == "") || err != nil && !strings.HasPrefix(fault.From(err).Reason, reason) {
					t.Errorf("err = %v, want %q", err, reason)
				}
				if got := r.api.asked(second)[2:]; !slices.Equal(got, repeats) {
					t.Errorf("after the trial the new credential was used to %q, want %q", got, repeats)
				}
			})
		}
	}
}

func TestCallIsRepeatedOnceWithANewCredential(t *testing.T) {
	file := credentialFile(t)
	r := rotateFrom(t, usersToken, file, first)
	end := hold(r, create, says(401, failure(`{"code":10000,"message":"Authentication error"}`)))
	r.api.allow(second, usersToken)
	write(t, file, second)
	r.use(first)
	r.told("ok")
	r.api.revoke(second)
	if err := end(); fault.From(err).Reason != "UPSTREAM_CREDENTIAL_REFUSED" {
		t.Errorf("err = %v", err)
	}
	if got := r.api.asked(second); !slices.Equal(got, []string{askUser, askQuota, askCreate}) {
		t.Errorf("asked %q", got)
	}
}

// The old credential is revoked before the change of the file is noticed.
func TestRevocationIsNoticedBeforeTheFile(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{usersToken, accountsToken, globalKey} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			file := credentialFile(t)
			r := rotateFrom(t, kind, file, first)
			r.use(first)
			time.Sleep(2 * time.Millisecond) // until the file has another time
			r.api.allow(second, kind)
			r.api.revoke(first)
			write(t, file, second)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					if err := create(within(t), r.client); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			r.told("ok")
			r.quiet()
			if r.api.made != 8 {
				t.Errorf("%d changes were made, want 8", r.api.made)
			}
		})
	}
}

// A call that waits for a candidate respects its own deadline, and gets the refusal in the end.
func TestWaitForTheCandidateIsBounded(t *testing.T) {
	err := longEnough(t, 100*time.Millisecond, func(d time.Duration) (bool, error) {
		file := credentialFile(t)
		r := rotateFrom(t, usersToken, file, first)
		r.api.meet(handler(second, askUser, func(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() }))
		write(t, file, second)
		r.api.revoke(first)
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		err := create(ctx, r.client)
		refused := fault.From(err).Reason == "UPSTREAM_CREDENTIAL_REFUSED"
		if refused && ctx.Err() == nil {
			t.Error("the call did not wait")
		}
		return refused, err
	})
	if fault.From(err).Reason != "UPSTREAM_CREDENTIAL_REFUSED" {
		t.Errorf("err = %v", err)
	}
}
