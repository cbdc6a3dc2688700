package server_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/server/servertest"
)

// TestOutcomes covers all outcomes of a change. root makes the call.
func TestOutcomes(t *testing.T) {
	soon := func(t *testing.T, call call) call {
		return func(ctx context.Context, c servertest.Client) error {
			ctx, cancel := context.WithTimeout(ctx, 150*time.Millisecond)
			t.Cleanup(cancel)
			return call(ctx, c)
		}
	}
	cases := []struct {
		name    string
		fault   emulator.Fault
		call    func(*testing.T, *world) call
		code    codes.Code
		outcome audit.Outcome
		reason  string
	}{
		{"a name that is taken", emulator.Fault{}, func(_ *testing.T, w *world) call { return w.create(fresh("PAYMENTS_A")) }, codes.AlreadyExists, audit.Failed, "SECRET_NAME_ALREADY_EXISTS"},
		{"a secret that does not exist", emulator.Fault{}, func(_ *testing.T, w *world) call { return w.remove(nowhere) }, codes.NotFound, audit.Failed, "SECRET_NOT_FOUND"},
		{"a scope that Cloudflare does not know", emulator.Fault{}, func(_ *testing.T, w *world) call { return w.create(fresh("X", "moon")) }, codes.InvalidArgument, audit.Failed, "SECRET_SCOPE_INVALID"},
		{"a store that is not empty", emulator.Fault{}, func(_ *testing.T, w *world) call {
			return func(ctx context.Context, c servertest.Client) error {
				_, err := c.DeleteStore(ctx, &secretsstorev1.DeleteStoreRequest{AccountId: main, StoreId: w.store})
				return err
			}
		}, codes.FailedPrecondition, audit.Failed, "STORE_NOT_EMPTY"},
		{"a spent budget", emulator.Fault{Kind: emulator.KindRateLimit}, rotate, codes.ResourceExhausted, audit.Unknown, "UPSTREAM_THROTTLED"},
		{"a 429 without its code", emulator.Fault{Kind: emulator.KindStatus, Status: 429}, rotate, codes.ResourceExhausted, audit.Unknown, "UPSTREAM_ANSWER_LOST"},
		{"a refused credential", emulator.Fault{Kind: emulator.KindEchoCredential}, rotate, codes.Internal, audit.Failed, "UPSTREAM_CREDENTIAL_REFUSED"},
		{"a connection that ends before the change", emulator.Fault{Kind: emulator.KindCut}, rotate, codes.Unavailable, audit.Unknown, "UPSTREAM_ANSWER_LOST"},
		{"a connection that ends after the change", emulator.Fault{Kind: emulator.KindCut, AfterCommit: true}, rotate, codes.Unavailable, audit.Unknown, "UPSTREAM_ANSWER_LOST"},
		{"a connection that ends in the answer", emulator.Fault{Kind: emulator.KindCutMidBody}, rotate, codes.Unavailable, audit.Unknown, "UPSTREAM_ANSWER_LOST"},
		{"half an answer", emulator.Fault{Kind: emulator.KindTruncate}, rotate, codes.Unavailable, audit.Unknown, "UPSTREAM_ANSWER_LOST"},
		{"200 that says false after the change", emulator.Fault{Kind: emulator.KindSuccessFalse, AfterCommit: true}, rotate, codes.Internal, audit.Unknown, "UPSTREAM_ANSWER_LOST"},
		{"a redirect", emulator.Fault{Kind: emulator.KindStatus, Status: 302}, rotate, codes.Internal, audit.Unknown, "UPSTREAM_ANSWER_LOST"},
		{"HTML 403 after the change", emulator.Fault{Kind: emulator.KindStatus, Status: 403, ContentType: "text/html", AfterCommit: true}, rotate, codes.Internal, audit.Unknown, "UPSTREAM_ANSWER_LOST"},
		{"an answer 500", emulator.Fault{Kind: emulator.KindStatus, Status: 500}, rotate, codes.Unavailable, audit.Unknown, "UPSTREAM_ANSWER_LOST"},
		{"an answer 503 after the change", emulator.Fault{Kind: emulator.KindStatus, Status: 503, AfterCommit: true}, rotate, codes.Unavailable, audit.Unknown, "UPSTREAM_ANSWER_LOST"},
		{"an answer 522 in HTML", emulator.Fault{Kind: emulator.KindStatus, Status: 522, ContentType: "text/html"}, rotate, codes.Unavailable, audit.Unknown, "UPSTREAM_ANSWER_LOST"},
		{"a deadline that passes after sending", emulator.Fault{Kind: emulator.KindDelay, Delay: time.Second, AfterCommit: true},
			func(t *testing.T, w *world) call { return soon(t, rotate(t, w)) }, codes.DeadlineExceeded, audit.Succeeded, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := start(t, servertest.Config{Network: loopback(t)})
			call := c.call(t, w)
			if c.fault.Kind != "" {
				// The names for the locks are read before the change.
				c.fault.Method = http.MethodPatch
				if err := w.Cloudflare.Inject(c.fault); err != nil {
					t.Fatal(err)
				}
			}
			err := call(within(t), w.As(root))
			var written []servertest.WrittenRecord
			eventually(t, func() bool { written = append(written, w.Trail.Written()...); return len(written) >= 2 })
			if status.Code(err) != c.code || !slices.Equal(kinds(written), intentAndOutcome) {
				t.Fatalf("got %v, written %v", err, kinds(written))
			}
			if c.reason != "" && reason(err) != c.reason {
				t.Errorf("the caller is told %s", reason(err))
			}
			o := written[1]
			if c.outcome == audit.Unknown {
				// Recovery writes the outcome of a change whose response was lost.
				if o.Outcome != c.outcome || o.Reason != "UNPROVEN" || o.ID != written[0].ID {
					t.Errorf("got %+v", o)
				}
				return
			}
			code := c.code.String()
			if c.outcome == audit.Succeeded {
				code = codes.OK.String()
			}
			if o.Outcome != c.outcome || o.Reason != c.reason || o.Code != code {
				t.Errorf("got %s %s %s, want %s %s %s", o.Outcome, o.Reason, o.Code, c.outcome, c.reason, code)
			}
			sameCall(t, written[0].Record, written[1].Record)
		})
	}
}

func rotate(_ *testing.T, w *world) call { return w.update(w.payA) }

func TestACloudflareThatCannotBeReachedMakesAFailure(t *testing.T) {
	var down atomic.Bool
	dialer := &net.Dialer{}
	// The names for the locks are read before the connection fails.
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if down.Load() {
			address = "127.0.0.1:1"
		}
		return dialer.DialContext(ctx, network, address)
	}}
	by := roundTripper(func(r *http.Request) (*http.Response, error) {
		down.Store(r.Method == http.MethodPatch)
		return transport.RoundTrip(r)
	})
	w := start(t, servertest.Config{Network: func(h http.Handler) (string, http.RoundTripper) {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL, by
	}})
	err := w.update(w.payA)(within(t), w.As(root))
	written := w.Trail.Written()
	if status.Code(err) != codes.Unavailable || !slices.Equal(kinds(written), intentAndOutcome) || written[1].Outcome != audit.Failed {
		t.Errorf("got %v, %+v", err, written)
	}
}

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// spoilt is a service that goes wrong after the change.
type spoilt struct {
	secretsstorev1.SecretsStoreServiceServer

	how func() error
}

func (s spoilt) DeleteSecret(ctx context.Context, r *secretsstorev1.DeleteSecretRequest) (*secretsstorev1.DeleteSecretResponse, error) {
	if _, err := s.SecretsStoreServiceServer.DeleteSecret(ctx, r); err != nil {
		return nil, err
	}
	return nil, s.how()
}

func TestWhatGoesWrongAfterTheChangeIsUnknown(t *testing.T) {
	for name, how := range map[string]func() error{
		"a panic":                           func() error { panic("value of PAYMENTS_A") },
		"a panic of the runtime":            func() error { var none []error; return none[len(none)] },
		"an error that is no fault":         func() error { return errors.New("no fault") },
		"an internal fault":                 func() error { return fault.New(fault.Internal, "INTERNAL", "no") },
		"a deadline that nobody judged":     func() error { return context.DeadlineExceeded },
		"a cancellation that nobody judged": func() error { return fmt.Errorf("read: %w", context.Canceled) },
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, servertest.Config{
				Callers: []authn.Principal{root},
				Secrets: func(genuine secretsstorev1.SecretsStoreServiceServer) secretsstorev1.SecretsStoreServiceServer {
					return spoilt{genuine, how}
				},
			})
			for door, client := range map[string]servertest.Client{"rest": w.As(root), "grpc": servertest.Over(w.Listen(t), root.Name)} {
				id := map[string]string{"rest": w.payA, "grpc": w.payB}[door]
				if err := w.remove(id)(within(t), client); err == nil {
					t.Errorf("%s: the call succeeded", door)
				}
				var written []servertest.WrittenRecord
				eventually(t, func() bool { written = append(written, w.Trail.Written()...); return len(written) >= 2 })
				if !slices.Equal(kinds(written), intentAndOutcome) || written[1].Outcome != audit.Unknown {
					t.Errorf("%s: got %+v", door, written)
				}
			}
		})
	}
}

func TestTheOutcomeOfACallIsRecordedWhenItsCallerIsGone(t *testing.T) {
	for _, door := range []string{"rest", "grpc"} {
		t.Run(door, func(t *testing.T) {
			w := start(t, servertest.Config{Callers: []authn.Principal{root}, Network: loopback(t)})
			client := w.As(root)
			if door == "grpc" {
				client = servertest.Over(w.Listen(t), root.Name)
			}
			if err := w.Cloudflare.Inject(emulator.Fault{Kind: emulator.KindDelay, Delay: time.Second, AfterCommit: true, Method: http.MethodDelete}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(within(t))
			done := make(chan error)
			_, before := w.Cloudflare.Counts(mainID)
			go func() { done <- w.remove(w.payA)(ctx, client) }()
			eventually(t, func() bool { _, now := w.Cloudflare.Counts(mainID); return now == before-1 })
			cancel()
			if err := <-done; status.Code(err) != codes.Canceled {
				t.Errorf("got %v", err)
			}
			var written []servertest.WrittenRecord
			eventually(t, func() bool { written = append(written, w.Trail.Written()...); return len(written) == 2 })
			if !slices.Equal(kinds(written), intentAndOutcome) || written[1].Outcome != audit.Succeeded {
				t.Errorf("got %+v", written)
			}
		})
	}
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for ctx := within(t); !done(); {
		select {
		case <-ctx.Done():
			t.Fatal("it did not come about")
		case <-time.After(time.Millisecond):
		}
	}
}
