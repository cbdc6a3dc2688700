package server_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/emulator"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/server/servertest"
)

// kinds lists the kinds of records in their order.
func kinds(written []servertest.WrittenRecord) []audit.RecordKind {
	var list []audit.RecordKind
	for _, e := range written {
		list = append(list, e.Kind)
	}
	return list
}

var intentAndOutcome = []audit.RecordKind{audit.KindIntent, audit.KindOutcome}

// loopback reaches the emulator over a real connection.
func loopback(t testing.TB) func(http.Handler) (string, http.RoundTripper) {
	return func(h http.Handler) (string, http.RoundTripper) {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		by := &http.Transport{}
		t.Cleanup(by.CloseIdleConnections)
		return s.URL, by
	}
}

func TestAnIntentComesBeforeEachChangeAndAnOutcomeAfter(t *testing.T) {
	for door, config := range map[string]servertest.Config{
		"grpc": {Callers: []authn.Principal{root}, Network: loopback(t)},
		"rest": {},
	} {
		w := start(t, config)
		client := w.As(root)
		if door == "grpc" {
			client = servertest.Over(w.Listen(t), root.Name)
		}
		for _, r := range w.rpcs() {
			t.Run(door+" "+r.name, func(t *testing.T) {
				if err := r.call(within(t), client); err != nil {
					t.Fatal(err)
				}
				seen, written := w.Cloudflare.Seen(), w.Trail.Written()
				if r.changes {
					// The names for the locks of a change are read before the change.
					seen = slices.DeleteFunc(seen, func(a servertest.Arrival) bool { return !a.Changes() })
				}
				if !r.changes {
					if len(written) > 0 || len(seen) != 1 || seen[0].Changes() {
						t.Errorf("a read left %+v and sent %v", written, seen)
					}
					return
				}
				if len(seen) != 1 || !seen[0].Changes() || !slices.Equal(kinds(written), intentAndOutcome) {
					t.Fatalf("sent %v, written %v", seen, kinds(written))
				}
				intent, outcome := written[0], written[1]
				if intent.At > seen[0].At || outcome.At < seen[0].At {
					t.Errorf("intent at %d, arrival at %d, outcome at %d", intent.At, seen[0].At, outcome.At)
				}
				if outcome.Outcome != audit.Succeeded || outcome.Reason != "" || outcome.Code != "OK" || intent.Outcome != "" || len(outcome.Rays) != len(intent.Rays)+1 {
					t.Errorf("intent %+v, outcome %+v", intent, outcome)
				}
				sameCall(t, intent.Record, outcome.Record)
				if intent.Action != r.action || intent.Protocol != door || intent.Caller != "root" || intent.Decision.Rule != "root" {
					t.Errorf("the record is %+v", intent)
				}
			})
		}
	}
}

// sameCall compares the common facts of intent and outcome. Only the outcome names the created
// objects.
func sameCall(t *testing.T, intent, outcome audit.Record) {
	t.Helper()
	made := outcome.Outcome == audit.Succeeded
	outcome.Time, outcome.Rays = intent.Time, intent.Rays
	outcome.Kind, outcome.Outcome, outcome.Reason, outcome.Code = intent.Kind, intent.Outcome, intent.Reason, intent.Code
	outcome.Secrets = slices.Clone(outcome.Secrets)
	if made && intent.Action == "store.create" {
		intent.Store.ID, outcome.Store.ID = unmade(t, intent.Store.ID, outcome.Store.ID)
	}
	for i := range outcome.Secrets {
		if made && intent.Secrets[i].ID == "" {
			_, outcome.Secrets[i].ID = unmade(t, intent.Secrets[i].ID, outcome.Secrets[i].ID)
		}
	}
	if !reflect.DeepEqual(intent, outcome) || intent.ID == "" {
		t.Errorf("the intent is %+v, the outcome %+v", intent, outcome)
	}
}

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

// TestARecordTellsWhoDidWhat compares a record with all facts of the call.
func TestARecordTellsWhoDidWhat(t *testing.T) {
	w := start(t, servertest.Config{Callers: []authn.Principal{search}})
	client := servertest.Over(w.Listen(t), search.Name)
	ctx := metadata.AppendToOutgoingContext(within(t), "x-request-id", "request-7")
	if err := w.copy(w.searchA, "SEARCH_COPY", "workers", "dex")(ctx, client); err != nil {
		t.Fatal(err)
	}
	want := audit.Record{
		Kind: audit.KindIntent, RequestID: "request-7", Caller: "search-app", Tenant: "search", Credential: "api_key",
		Method: secretsstorev1.SecretsStoreService_DuplicateSecret_FullMethodName, Action: "secret.duplicate", Account: main,
		Store: audit.Store{ID: w.store, Name: "default"}, Secrets: []audit.Secret{{ID: w.searchA, Name: "SEARCH_A"}, {Name: "SEARCH_COPY"}},
		SecretCount: 2, Decision: audit.Decision{Allowed: true, Rule: "search-owns-a-prefix"}, Protocol: "grpc",
	}
	ray := regexp.MustCompile(`^[0-9a-f]{16}-DEV$`)
	written := w.Trail.Written()
	if len(written) != 2 {
		t.Fatalf("got %+v", written)
	}
	got := written[0].Record
	if got.ID == "" || got.ID == "request-7" || got.ID != written[1].ID {
		t.Errorf("the records are linked by %q and %q", got.ID, written[1].ID)
	}
	if len(got.Rays) != 2 || !ray.MatchString(got.Rays[0]) || len(written[1].Rays) != 3 || got.Peer == "" {
		t.Errorf("rays %v, then %v, peer %q", got.Rays, written[1].Rays, got.Peer)
	}
	if !strings.HasPrefix(got.Policy, "sha256:") {
		t.Errorf("the rules are named %q", got.Policy)
	}
	got.ID, got.Rays, got.Peer, got.Policy, got.Time = "", nil, "", "", time.Time{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestABatchMadeByTwoRulesNamesBoth(t *testing.T) {
	w := start(t, servertest.Config{})
	if err := w.copy(w.payA, "COPY_A")(within(t), w.As(both)); err != nil {
		t.Fatal(err)
	}
	if rule := w.Trail.Written()[0].Decision.Rule; rule != "copiers-take, makers-make" {
		t.Errorf("got %q", rule)
	}
}

func TestADenialIsRecordedOnce(t *testing.T) {
	w := start(t, servertest.Config{Callers: []authn.Principal{payments}})
	conn := w.Listen(t)
	badAccount := func(ctx context.Context, c servertest.Client) error {
		_, err := c.Identity.VerifyToken(ctx, &identityv1.VerifyTokenRequest{AccountId: servertest.UnservedID})
		return err
	}
	refused := fault.New(fault.Unauthenticated, "CREDENTIAL_EXPIRED", "The token has expired.")
	away := fault.New(fault.Unavailable, "ISSUER_UNAVAILABLE", "Try again.")
	for _, c := range []struct {
		name   string
		client servertest.Client
		call   call
		reason string
	}{
		{"a change without the right", w.As(payments), w.update(w.searchA), "NOT_ALLOWED"},
		{"a read without the right", w.As(payments), w.get(w.searchA), "NOT_ALLOWED"},
		{"a read without the right over gRPC", servertest.Over(conn, payments.Name), w.get(w.searchA), "NOT_ALLOWED"},
		{"an account that is not served", w.As(payments), badAccount, "ACCOUNT_NOT_ALLOWED"},
		{"no credential over gRPC", servertest.Over(conn, ""), w.get(w.payA), "CREDENTIAL_MISSING"},
		{"an unknown key over gRPC", servertest.Over(conn, "stranger"), w.update(w.payA), "CREDENTIAL_UNKNOWN"},
		{"a credential that the gateway refused", w.With(authn.Authentication{Err: refused}), w.get(w.payA), "CREDENTIAL_EXPIRED"},
		{"an issuer that cannot be reached is no denial", w.With(authn.Authentication{Err: away}), w.get(w.payA), ""},
		{"a secret that does not exist is no denial", w.As(payments), w.get(nowhere), ""},
		{"bad input is no denial", w.As(payments), w.create(), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.call(within(t), c.client)
			written := w.Trail.Written()
			if c.reason == "" {
				if err == nil || len(written) > 0 {
					t.Errorf("got %v, %+v", err, written)
				}
				return
			}
			if len(written) != 1 || written[0].Kind != audit.KindDenial || written[0].Reason != c.reason || reason(err) != c.reason {
				t.Fatalf("got %v, %+v", err, written)
			}
			if r := written[0]; r.Outcome != "" || r.Decision.Allowed || r.RequestID == "" || r.Peer == "" || r.Method == "" || r.Code != status.Code(err).String() {
				t.Errorf("the record is %+v", r)
			}
		})
	}
}

// TestStrangersCannotFillTheTrail makes both kinds of denial in turn.
func TestStrangersCannotFillTheTrail(t *testing.T) {
	w := start(t, servertest.Config{})
	stranger := w.With(authn.Authentication{Err: fault.New(fault.Unauthenticated, "CREDENTIAL_UNKNOWN", "No.")})
	const calls = 2000
	begin := time.Now()
	for range calls {
		if err := w.get(w.payA)(t.Context(), stranger); status.Code(err) != codes.Unauthenticated {
			t.Fatal(err)
		}
		if err := w.get(w.searchA)(t.Context(), w.As(payments)); status.Code(err) != codes.PermissionDenied {
			t.Fatal(err)
		}
	}
	most := 100 + 10*int(time.Since(begin).Seconds()+1)
	of := map[string]int{}
	for _, e := range w.Trail.Written() {
		of[e.Caller]++
	}
	if of[payments.Name] != calls || of[""] < 100 || of[""] > most {
		t.Errorf("of %d denials each, %d of a known caller and %d of strangers are recorded", calls, of[payments.Name], of[""])
	}
}
