package server_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
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
