package main

import (
	"context"
	"testing"

	"google.golang.org/grpc/codes"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
)

func TestABatchCreatesAllThatAreNewWithOneCall(t *testing.T) {
	t.Parallel()
	p := remembering(t, setup{})
	store := p.madeStore("s")
	p.puts(aPut("same", "v"), created)
	p.puts(aPut("old", "v1"), created)
	before, updates := p.cf.Calls("secrets-store-secret-create"), p.cf.Calls("secrets-store-patch-by-id")
	request := &storekeeperv1.PutSecretsRequest{Account: accountName, Store: "s"}
	for _, name := range []string{"new1", "same", "new2", "old", "new3"} {
		request.Secrets = append(request.Secrets, &storekeeperv1.SecretPut{Name: name, Value: "v", Scopes: []string{"workers"}})
	}
	only := &storekeeperv1.PutSecretsRequest{Account: accountName, Store: "s", Secrets: request.GetSecrets(), ValidateOnly: true}
	for _, r := range []*storekeeperv1.PutSecretsRequest{only, request} {
		got, err := p.secrets().PutSecrets(asCaller(context.Background()), r)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []storekeeperv1.PutSecretResponse_Outcome{created, unchanged, created, updated, created} {
			one := got.GetResults()[i]
			if one.GetOutcome() != want || one.GetError() != nil || one.GetName() != r.GetSecrets()[i].GetName() || !r.GetValidateOnly() && one.GetSecret().GetName() != one.GetName() {
				t.Errorf("%d: %v", i, one)
			}
		}
	}
	if c, u := p.cf.Calls("secrets-store-secret-create")-before, p.cf.Calls("secrets-store-patch-by-id")-updates; c != 1 || u != 1 {
		t.Errorf("%d creates and %d updates were sent", c, u)
	}
	for _, put := range request.GetSecrets() {
		p.holds(store, put.GetName(), "v")
	}
	// All are known now.
	got, err := p.secrets().PutSecrets(asCaller(context.Background()), request)
	for _, one := range got.GetResults() {
		if one.GetOutcome() != unchanged {
			t.Errorf("again: %v", one)
		}
	}
	if err != nil || len(got.GetResults()) != len(request.GetSecrets()) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestOneSecretOfABatchMayFailAlone(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	store := p.madeStore("s")
	request := &storekeeperv1.PutSecretsRequest{Account: accountName, Store: "s"}
	for _, scope := range []string{"workers", "no_such_scope", "dex"} {
		request.Secrets = append(request.Secrets, &storekeeperv1.SecretPut{Name: "A_" + scope, Value: "v", Scopes: []string{scope}})
	}
	got, err := p.secrets().PutSecrets(asCaller(context.Background()), request)
	if err != nil {
		t.Fatal(err)
	}
	results := got.GetResults()
	if results[0].GetOutcome() != created || results[2].GetOutcome() != created || codes.Code(results[1].GetError().GetCode()) != codes.InvalidArgument {
		t.Errorf("got %v", got)
	}
	p.holds(store, "A_workers", "v")
	// A key belongs to one change, and a batch has several changes.
	_, err = p.secrets().PutSecrets(asCaller(withKey("k")), request)
	was := ruling{err: err}
	if was.takeApart(); was.code != codes.InvalidArgument || was.info.GetReason() != "IDEMPOTENCY_KEY_INVALID" {
		t.Errorf("with a key: %v", err)
	}
}
