package upstream_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// door lets requests in and hears of their ends.
type door struct {
	asked []upstream.Ask
	ended []upstream.Attempt
	shut  error
}

func (d *door) admit(_ context.Context, a upstream.Ask) (func(upstream.Attempt), error) {
	d.asked = append(d.asked, a)
	if d.shut != nil {
		return nil, d.shut
	}
	return func(a upstream.Attempt) { d.ended = append(d.ended, a) }, nil
}

func TestEachRequestIsAskedForAndItsEndIsTold(t *testing.T) {
	d := &door{}
	client, w := serve(t, says(http.StatusTooManyRequests, failure(`{"code":971,"message":"x"}`), "Retry-After", "7"),
		func(c *upstream.Config) { c.Admit = d.admit })
	_, err := client.DeleteSecret(within(t), upstream.SecretParams{Account: "main", StoreID: storeID, SecretID: secretID})
	if asFault(t, err).Kind != fault.Throttled || len(w.seen()) != 1 {
		t.Fatalf("%v after %d requests", err, len(w.seen()))
	}
	want := upstream.Ask{Operation: "DeleteSecret", Account: accountID, Changes: true}
	if len(d.asked) != 1 || d.asked[0] != want || len(d.ended) != 1 || d.ended[0].RetryAfter != 7*time.Second || d.ended[0].Err == nil {
		t.Errorf("asked %+v, ended %+v", d.asked, d.ended)
	}
}

func TestWhatIsNotAdmittedIsNotSent(t *testing.T) {
	d := &door{shut: fault.New(fault.Throttled, "BUDGET_SPENT", "x")}
	client, w := serve(t, says(http.StatusOK, `{}`), func(c *upstream.Config) { c.Admit = d.admit })
	_, err := client.GetStore(within(t), upstream.StoreParams{Account: "main", StoreID: storeID})
	if asFault(t, err).Reason != "BUDGET_SPENT" || len(w.seen()) != 0 || len(w.attempts) != 0 || len(d.ended) != 0 {
		t.Errorf("%v, %d requests, %d attempts", err, len(w.seen()), len(w.attempts))
	}
}

// transport answers inside the process, so that time can be a test's own.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAnAccountInTroubleIsLeftAloneForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent, down := 0, true
		config := configFor("http://cloudflare.test/client/v4")
		config.Trip = 3
		config.Transport = transport(func(*http.Request) (*http.Response, error) {
			sent++
			if down {
				return nil, context.DeadlineExceeded
			}
			return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody, Header: http.Header{}}, nil
		})
		client := newClient(t, config)
		get := func() string {
			_, err := client.GetStore(t.Context(), upstream.StoreParams{Account: "main", StoreID: storeID})
			return asFault(t, err).Reason
		}
		for range 5 {
			get()
		}
		if sent != 3 {
			t.Fatalf("%d requests were sent to an account in trouble, want 3", sent)
		}
		start := time.Now()
		if reason := get(); reason != "UPSTREAM_UNAVAILABLE" || time.Since(start) != 0 {
			t.Errorf("refused with %s after %v", reason, time.Since(start))
		}
		time.Sleep(2*time.Second + 1)
		if get(); sent != 4 {
			t.Errorf("%d requests in all, want one more to find out", sent)
		}
		if get(); sent != 4 {
			t.Errorf("%d requests in all, want none while it is still in trouble", sent)
		}
		down = false
		time.Sleep(2*time.Second + 1)
		for range 3 {
			get()
		}
		if sent != 7 {
			t.Errorf("%d requests in all, want every one sent again", sent)
		}
	})
}

func TestACallerInAHurryDoesNotShutTheDoorForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		config := configFor("http://cloudflare.test/client/v4")
		config.Trip = 2
		config.Transport = transport(func(r *http.Request) (*http.Response, error) {
			sent++
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		client := newClient(t, config)
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_, err := client.GetStore(ctx, upstream.StoreParams{Account: "main", StoreID: storeID})
			cancel()
			if asFault(t, err).Kind != fault.Deadline {
				t.Fatal(err)
			}
		}
		if sent != 5 {
			t.Errorf("%d requests were sent, want all 5", sent)
		}
	})
}

func TestTheClockOfCloudflareIsToldByItsAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		date string
		want func(time.Duration) bool
	}{
		"no date":      {"", func(d time.Duration) bool { return d == 0 }},
		"no real date": {"yesterday", func(d time.Duration) bool { return d == 0 }},
		"the same":     {time.Now().UTC().Format(http.TimeFormat), func(d time.Duration) bool { return d.Abs() < 10*time.Second }},
		"ahead":        {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), func(d time.Duration) bool { return d > 50*time.Minute }},
		"behind":       {time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat), func(d time.Duration) bool { return d < -50*time.Minute }},
	} {
		t.Run(name, func(t *testing.T) {
			config := configFor("http://cloudflare.test/client/v4")
			config.Transport = transport(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody, Header: http.Header{"Date": {tc.date}}}, nil
			})
			client := newClient(t, config)
			_, _ = client.GetStore(t.Context(), upstream.StoreParams{Account: "main", StoreID: storeID})
			if got := client.Ahead("main"); !tc.want(got) {
				t.Errorf("ahead by %v", got)
			}
		})
	}
}
