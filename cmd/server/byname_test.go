package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/emulator"
)

// The outcomes of a put.
const (
	created   = storekeeperv1.PutSecretResponse_CREATED
	updated   = storekeeperv1.PutSecretResponse_UPDATED
	unchanged = storekeeperv1.PutSecretResponse_UNCHANGED
)

// remembering is a program that keeps fingerprints.
func remembering(t testing.TB, s setup) *program {
	t.Helper()
	key := filepath.Join(t.TempDir(), "audit.key")
	(&program{t: t}).writeFile(key, strings.Repeat("k", 32))
	s.sets = append(s.sets, "audit.fingerprints=on", "audit.key_file="+key)
	return start(t, s)
}

func (p *program) secrets() storekeeperv1.SecretServiceClient {
	return storekeeperv1.NewSecretServiceClient(p.conn)
}

// aPut is a request to put a secret of the store "s".
func aPut(name, value string, edit ...func(*storekeeperv1.PutSecretRequest)) *storekeeperv1.PutSecretRequest {
	r := &storekeeperv1.PutSecretRequest{Account: accountName, Store: "s", Name: name, Value: value, Scopes: []string{"workers"}}
	for _, e := range edit {
		e(r)
	}
	return r
}

// put puts a secret and returns the outcome.
func (p *program) put(ctx context.Context, r *storekeeperv1.PutSecretRequest) (*storekeeperv1.PutSecretResponse, ruling) {
	p.t.Helper()
	answer, err := p.secrets().PutSecret(asCaller(ctx), r)
	got := ruling{err: err}
	got.takeApart()
	return answer, got
}

// puts checks the outcome of a put.
func (p *program) puts(r *storekeeperv1.PutSecretRequest, want storekeeperv1.PutSecretResponse_Outcome) *storekeeperv1.PutSecretResponse {
	p.t.Helper()
	answer, got := p.put(context.Background(), r)
	if got.err != nil || answer.GetOutcome() != want {
		p.t.Fatalf("put %s: %v, %v, want %v", r.GetName(), answer.GetOutcome(), got.err, want)
	}
	return answer
}

func TestAPutCreatesUpdatesAndLeavesAlone(t *testing.T) {
	t.Parallel()
	p := remembering(t, setup{})
	store := p.madeStore("s")
	p.learnStores(store)
	before := p.sent()
	sends := func(what string, n int) {
		t.Helper()
		if got := p.sent() - before; got != n {
			t.Errorf("%s: %d changes were sent, want %d", what, got, n)
		}
		before = p.sent()
	}
	made := p.puts(aPut("A", "v1"), created)
	p.holds(store, "A", "v1")
	sends("a new secret", 1)
	again := p.puts(aPut("A", "v1"), unchanged)
	sends("the same again", 0)
	if again.GetSecret().GetId() != made.GetSecret().GetId() || made.GetSecret().GetName() != "A" {
		t.Errorf("made %v, then %v", made, again)
	}
	p.puts(aPut("A", "v2"), updated)
	p.holds(store, "A", "v2")
	p.puts(aPut("A", "v2", func(r *storekeeperv1.PutSecretRequest) { r.Store = store }), unchanged)
	sends("another value", 1)
	p.puts(aPut("A", "v2", func(r *storekeeperv1.PutSecretRequest) { r.Scopes = []string{"workers", "dex"} }), updated)
	p.puts(aPut("A", "v2", func(r *storekeeperv1.PutSecretRequest) { r.Scopes = []string{"dex", "workers", "dex"} }), unchanged)
	sends("other scopes", 1)
	comment := func(r *storekeeperv1.PutSecretRequest) { r.Comment = new("c") }
	p.puts(aPut("A", "v2", comment), updated)
	p.puts(aPut("A", "v2", comment), unchanged)
	sends("a comment", 1)
	p.restart()
	p.puts(aPut("A", "v2", comment), unchanged)
	sends("after a restart", 0)
	// Another program writes, possibly another value.
	p.cloudflare("PATCH", "/stores/"+store+"/secrets/"+made.GetSecret().GetId(), `{"value":"theirs"}`)
	answer, got := p.put(metadata.AppendToOutgoingContext(context.Background(), "cache-control", "no-cache"), aPut("A", "v2", comment))
	if got.err != nil || answer.GetOutcome() != updated {
		t.Errorf("after a change of another: %v, %v", answer, got.err)
	}
	p.holds(store, "A", "v2")
	if _, n := p.cf.Counts(accountID); n != 1 {
		t.Errorf("there are %d secrets", n)
	}
}

func TestWithoutFingerprintsEveryPutIsSent(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	store := p.madeStore("s")
	p.puts(aPut("A", "v1"), created)
	p.puts(aPut("A", "v1"), updated)
	p.holds(store, "A", "v1")
}

func TestAPutWithAConditionIsRefusedWhereItDoesNotHold(t *testing.T) {
	t.Parallel()
	p := remembering(t, setup{})
	p.madeStore("s")
	first := p.puts(aPut("A", "v1", ifAbsent), created)
	at := first.GetSecret().GetModified()
	expect := func(at *timestamppb.Timestamp) func(*storekeeperv1.PutSecretRequest) {
		return func(r *storekeeperv1.PutSecretRequest) { r.ExpectedModified = at }
	}
	second := p.puts(aPut("A", "v2", expect(at)), updated)
	for name, c := range map[string]struct {
		r      *storekeeperv1.PutSecretRequest
		code   codes.Code
		reason string
	}{
		"absent, and it exists":        {aPut("A", "v2", ifAbsent), codes.AlreadyExists, "SECRET_NAME_ALREADY_EXISTS"},
		"unmodified, and it was":       {aPut("A", "v3", expect(at)), codes.FailedPrecondition, "SECRET_MODIFIED"},
		"unmodified, and it is absent": {aPut("B", "v3", expect(at)), codes.NotFound, "SECRET_NOT_FOUND"},
		"both":                         {aPut("B", "v3", ifAbsent, expect(at)), codes.InvalidArgument, "IF_ABSENT_INVALID"},
		"a store that is not there":    {aPut("B", "v3", func(r *storekeeperv1.PutSecretRequest) { r.Store = "none" }), codes.NotFound, "STORE_NOT_FOUND"},
		"an identifier of no store":    {aPut("B", "v3", func(r *storekeeperv1.PutSecretRequest) { r.Store = noSuchID }), codes.NotFound, "STORE_NOT_FOUND"},
	} {
		for _, only := range []bool{false, true} {
			c.r.ValidateOnly = only
			if _, got := p.put(context.Background(), c.r); got.code != c.code || got.info.GetReason() != c.reason {
				t.Errorf("%s, validate only %t: %v %v", name, only, got.err, got.info)
			}
		}
	}
	p.puts(aPut("A", "v2", expect(second.GetSecret().GetModified())), unchanged)
	// With a key, a repeat gets the first answer in spite of the condition.
	for range 2 {
		answer, got := p.put(withKey("k"), aPut("C", "v", ifAbsent))
		if got.err != nil || answer.GetOutcome() != created {
			t.Errorf("%v %v", answer, got.err)
		}
	}
	if _, got := p.put(withKey("k"), aPut("C", "other", ifAbsent)); got.info.GetReason() != "IDEMPOTENCY_KEY_REUSED" {
		t.Errorf("another request with the key: %v", got.err)
	}
}

func ifAbsent(r *storekeeperv1.PutSecretRequest) { r.IfAbsent = true }

func TestAPutThatOnlyValidatesChangesNothing(t *testing.T) {
	t.Parallel()
	p := remembering(t, setup{sets: []string{"quotas[0].tenant=*", "quotas[0].secrets=1"}})
	store := p.madeStore("s")
	before := p.sent()
	only := func(r *storekeeperv1.PutSecretRequest) { r.ValidateOnly = true }
	if got := p.puts(aPut("A", "v1", only), created); got.GetSecret() != nil {
		t.Errorf("got %v", got)
	}
	if n := p.sent() - before; n != 0 {
		t.Errorf("%d changes were sent", n)
	}
	p.puts(aPut("A", "v1"), created)
	if got := p.puts(aPut("A", "v1", only), unchanged); got.GetSecret().GetName() != "A" {
		t.Errorf("got %v", got)
	}
	p.puts(aPut("A", "v2", only), updated)
	if _, got := p.put(context.Background(), aPut("B", "v1", only)); got.code != codes.FailedPrecondition || got.info.GetReason() != "MAXIMUM_SECRETS_EXCEEDED" {
		t.Errorf("over the quota: %v", got.err)
	}
	p.holds(store, "A", "v1")
}

func TestSecretsAreReadAndDeletedByName(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	store := p.madeStore("s")
	made := p.puts(aPut("A", "v1"), created)
	ctx := asCaller(context.Background())
	got, err := p.secrets().GetSecret(ctx, &storekeeperv1.GetSecretRequest{Account: accountID, Store: store, Name: "A"})
	if err != nil || got.GetSecret().GetId() != made.GetSecret().GetId() {
		t.Errorf("got %v, %v", got, err)
	}
	// A secret that was created elsewhere is found by a lookup.
	p.cloudflare("POST", "/stores/"+store+"/secrets", `[{"name":"theirs","value":"v","scopes":["dex"]}]`)
	if _, err := p.secrets().GetSecret(ctx, &storekeeperv1.GetSecretRequest{Account: accountName, Store: "s", Name: "theirs"}); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		name            string
		missing, delete bool
		code            codes.Code
	}{
		{"A", false, true, codes.OK},
		{"A", false, false, codes.NotFound},
		{"A", true, false, codes.OK},
		{"theirs", true, true, codes.OK},
	} {
		answer, err := p.secrets().DeleteSecret(ctx, &storekeeperv1.DeleteSecretRequest{Account: accountName, Store: "s", Name: c.name, AllowMissing: c.missing})
		was := ruling{err: err}
		if was.takeApart(); was.code != c.code || answer.GetDeleted() != c.delete {
			t.Errorf("%+v: %v, %v", c, answer, err)
		}
	}
	if _, err := p.secrets().GetSecret(ctx, &storekeeperv1.GetSecretRequest{Account: accountName, Store: "s", Name: "A"}); err == nil {
		t.Error("a deleted secret was found")
	}
}

// learnStores lists the stores and the secrets of a store, so that later lookups
// are cached.
func (p *program) learnStores(store string) {
	p.t.Helper()
	p.must("GET", "stores/"+store+"/secrets", "")
}

func TestAnAnswerThatIsLostIsNoSecondSecret(t *testing.T) {
	t.Parallel()
	p := remembering(t, setup{})
	store := p.madeStore("s")
	p.inject(emulator.Fault{Kind: emulator.KindCut, Operation: "secrets-store-secret-create", AfterCommit: true, Times: 1})
	p.puts(aPut("A", "v1"), created)
	p.inject(emulator.Fault{Kind: emulator.KindCut, Operation: "secrets-store-patch-by-id", AfterCommit: true, Times: 1})
	p.puts(aPut("A", "v2"), updated)
	p.holds(store, "A", "v2")
	if _, n := p.cf.Counts(accountID); n != 1 {
		t.Errorf("there are %d secrets", n)
	}
}

// A retry looks for the secret while the first try changes it. Both have the same key, so both get the same
// answer, whatever the retry finds.
func TestARetryOfAPutThatLooksDuringTheFirstTryGetsItsAnswer(t *testing.T) {
	t.Parallel()
	p := remembering(t, setup{})
	p.madeStore("s")
	before := p.puts(aPut("A", "v1"), created).GetSecret()
	r := aPut("A", "v2", func(r *storekeeperv1.PutSecretRequest) { r.ExpectedModified = before.GetModified() })
	const list = "secrets-store-secrets-list"
	p.inject(emulator.Fault{Kind: emulator.KindDelay, Operation: list, Delay: time.Second, Times: 1})
	type outcome struct {
		answer *storekeeperv1.PutSecretResponse
		was    ruling
	}
	arrived, retry := p.cf.Calls(list), make(chan outcome)
	go func() {
		answer, was := p.put(withKey("k"), r)
		retry <- outcome{answer, was}
	}()
	p.await("the retry looks", func() bool { return p.cf.Calls(list) > arrived })
	first, was := p.put(withKey("k"), r)
	second := <-retry
	if was.err != nil || second.was.err != nil || first.GetOutcome() != updated || !proto.Equal(first, second.answer) {
		t.Errorf("%v, %v; the retry: %v, %v", first, was.err, second.answer, second.was.err)
	}
}
