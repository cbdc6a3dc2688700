package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// withComments makes 100 secrets with comments and as many scopes as there may be.
func withComments(store string, comment int) *secretsstorev1.CreateSecretsRequest {
	r := batchOf(store, 100, "v")
	text := strings.Repeat("c", comment)
	for _, s := range r.GetSecrets() {
		s.Comment = &text
	}
	return r
}

// The client of the tests accepts 4 MiB, as every gRPC client does by default.
func TestTheLongestBatchOfCommentsHasAnAnswerThatClientsReceive(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("store")
	if got := p.send(context.Background(), "CreateSecrets", withComments(w.store, 16384)); got.err != nil {
		t.Fatal(got.err)
	}
	list := &secretsstorev1.ListSecretsRequest{AccountId: accountID, StoreId: w.store, PerPage: 100}
	got := p.send(context.Background(), "ListSecrets", list)
	if page, _ := got.answer.(*secretsstorev1.ListSecretsResponse); got.err != nil || len(page.GetSecrets()) != 100 {
		t.Errorf("%v, %d secrets", got.err, len(page.GetSecrets()))
	}
}

func TestACommentThatIsTooLongIsRefusedBeforeTheChange(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("store")
	before := len(p.cf.Requests())
	got := p.send(context.Background(), "CreateSecrets", withComments(w.store, 16385))
	if got.code != codes.InvalidArgument || got.blamed()[0] != "secrets[0].comment: must be at most 16384 bytes" {
		t.Errorf("%v %v", got.err, got.blamed())
	}
	if n := len(p.cf.Requests()) - before; n != 0 {
		t.Errorf("Cloudflare was asked %d times", n)
	}
}

// Secrets that were made elsewhere may have longer comments.
func TestAPageThatClientsCannotReceiveIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("store")
	for i := range 100 {
		p.cloudflare("POST", "/stores/"+w.store+"/secrets", fmt.Sprintf(`[{"name":"S%d","value":"v","scopes":["workers"],"comment":"%s"}]`, i, strings.Repeat("c", 60_000)))
	}
	ask := func(perPage int32) ruling {
		return p.send(context.Background(), "ListSecrets", &secretsstorev1.ListSecretsRequest{AccountId: accountID, StoreId: w.store, PerPage: perPage})
	}
	got := ask(100)
	if got.code != codes.InvalidArgument || len(got.fields) != 1 || got.fields[0].GetField() != "per_page" {
		t.Fatalf("%v", got.err)
	}
	var fits int32
	if _, err := fmt.Sscanf(got.fields[0].GetDescription(), "must be about %d or less", &fits); err != nil || fits < 30 {
		t.Fatalf("%v in %s", err, got.fields[0].GetDescription())
	}
	if got := ask(fits); got.err != nil {
		t.Error(got.err)
	}
	if got := p.do("GET", "stores/"+w.store+"/secrets?per_page=100", ""); got.status != http.StatusOK || len(got.Result.([]any)) != 100 {
		t.Errorf("rest: %d", got.status)
	}
}
