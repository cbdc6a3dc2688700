package server_test

import (
	"maps"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/server/servertest"
)

func TestWithoutARuleNothingIsAllowed(t *testing.T) {
	w := start(t, servertest.Config{Rules: "rules: []", Callers: []authn.Principal{nobody}})
	before := w.Cloudflare.State(t)
	doors := map[string]servertest.Client{"rest": w.As(nobody), "grpc": servertest.Over(w.Listen(t), nobody.Name)}
	for door, client := range doors {
		for _, r := range w.rpcs() {
			t.Run(door+" "+r.name, func(t *testing.T) {
				err := r.call(within(t), client)
				if status.Code(err) != codes.PermissionDenied || reason(err) != "NOT_ALLOWED" || !strings.Contains(status.Convert(err).Message(), "a rule that allows "+r.action) {
					t.Errorf("got %v, %s", err, reason(err))
				}
				if seen := w.Cloudflare.Seen(); len(seen) > 0 {
					t.Errorf("%d calls to Cloudflare for a caller without any right: %v", len(seen), seen)
				}
				written := w.Trail.Written()
				if len(written) != 1 || written[0].Kind != audit.KindDenial || written[0].Decision.ID != decision(err) || decision(err) == "" {
					t.Errorf("the answer has decision %q, the trail %+v", decision(err), written)
				}
				if written[0].Action != r.action || written[0].Account != main || written[0].Protocol != door || written[0].Peer == "" || written[0].Code != "PermissionDenied" {
					t.Errorf("the record is %+v", written[0])
				}
			})
		}
		for name, call := range selves() {
			if err := call(within(t), client); err != nil {
				t.Errorf("%s %s: a caller may ask about itself, got %v", door, name, err)
			}
		}
		accounts, err := client.Identity.ListAccounts(within(t), &identityv1.ListAccountsRequest{})
		members, memberErr := client.Identity.ListMemberships(within(t), &identityv1.ListMembershipsRequest{})
		if err != nil || memberErr != nil || len(accounts.GetAccounts())+len(members.GetMemberships()) > 0 || accounts.GetResultInfo().GetTotalCount() != 0 {
			t.Errorf("%s: accounts %v %v, memberships %v %v", door, accounts, err, members, memberErr)
		}
	}
	if !maps.Equal(before, w.Cloudflare.State(t)) {
		t.Error("something changed")
	}
}

func TestWithEveryRightAllIsAllowed(t *testing.T) {
	w := start(t, servertest.Config{Callers: []authn.Principal{root}})
	client := servertest.Over(w.Listen(t), root.Name)
	for _, r := range w.rpcs() {
		if err := r.call(within(t), client); err != nil {
			t.Errorf("%s: %v", r.name, err)
		}
	}
}

// TestRights uses a new world for each case, so that cases are independent. changes is the number
// of changing requests that reach Cloudflare.
func TestRights(t *testing.T) {
	cases := []struct {
		name   string
		caller authn.Principal
		call   func(*world) call
		code   codes.Code
	}{
		{"a team reads its own", payments, func(w *world) call { return w.get(w.payA) }, ok},
		{"a team changes its own", payments, func(w *world) call { return w.update(w.payA, "workers", "dex") }, ok},
		{"a team deletes its own", payments, func(w *world) call { return w.remove(w.payA) }, ok},
		{"a team deletes several of its own", payments, func(w *world) call { return w.removeAll(w.payA, w.payB) }, ok},
		{"a team creates its own", payments, func(w *world) call { return w.create(fresh("PAYMENTS_C"), fresh("PAYMENTS_D")) }, ok},
		{"a team copies its own to its own", payments, func(w *world) call { return w.copy(w.payA, "PAYMENTS_C") }, ok},
		{"a team does not read another's", payments, func(w *world) call { return w.get(w.searchA) }, codes.PermissionDenied},
		{"a team does not change another's", payments, func(w *world) call { return w.update(w.searchA) }, codes.PermissionDenied},
		{"a team does not delete another's", payments, func(w *world) call { return w.remove(w.searchA) }, codes.PermissionDenied},
		{"a team does not create under another's name", payments, func(w *world) call { return w.create(fresh("SEARCH_C")) }, codes.PermissionDenied},
		{"a name that only looks like the prefix is not", payments, func(w *world) call { return w.create(fresh("PAYMENTSX")) }, codes.PermissionDenied},
		{"a name in another case is not", payments, func(w *world) call { return w.create(fresh("payments_C")) }, codes.PermissionDenied},
		{"a team does not copy another's to its own", payments, func(w *world) call { return w.copy(w.searchA, "PAYMENTS_C") }, codes.PermissionDenied},
		{"a team does not copy its own to another's name", payments, func(w *world) call { return w.copy(w.payA, "SEARCH_C") }, codes.PermissionDenied},
		{"a batch to delete with another's in it", payments, func(w *world) call { return w.removeAll(w.payA, w.searchA, w.payB) }, codes.PermissionDenied},
		{"a batch to create with another's in it", payments, func(w *world) call { return w.create(fresh("PAYMENTS_C"), fresh("SEARCH_C")) }, codes.PermissionDenied},
		{"a prefix is no right to delete the store", payments, func(w *world) call { return w.rpcs()[3].call }, codes.PermissionDenied},
		{"a prefix is no right to see the store", payments, func(w *world) call { return w.rpcs()[2].call }, codes.PermissionDenied},
		{"nor to make one", payments, func(w *world) call { return w.rpcs()[0].call }, codes.PermissionDenied},
		{"nor to know the quota", payments, func(w *world) call { return w.rpcs()[11].call }, codes.PermissionDenied},
		{"a secret that does not exist is not found", payments, func(w *world) call { return w.get(nowhere) }, codes.NotFound},
		{"nor is it to be changed", payments, func(w *world) call { return w.update(nowhere) }, codes.NotFound},
		{"nor in a batch", payments, func(w *world) call { return w.removeAll(w.payA, nowhere) }, codes.NotFound},
		{"nor is an identifier of another form", payments, func(w *world) call { return w.get("../stores") }, codes.NotFound},
		{"an empty identifier is not found", payments, func(w *world) call { return w.get("") }, codes.NotFound},
		{"who may create is told that a name is missing", payments, func(w *world) call { return w.create(fresh("PAYMENTS_C"), &secretsstorev1.NewSecret{}) }, codes.InvalidArgument},
		{"and that there is nothing to create", payments, func(w *world) call { return w.create() }, codes.InvalidArgument},
		{"and nothing to delete", payments, func(w *world) call { return w.removeAll() }, codes.InvalidArgument},
		{"and that a copy has no name", payments, func(w *world) call { return w.copy(w.payA, "") }, codes.InvalidArgument},
		{"who may not is told nothing of a missing name", search, func(w *world) call { return w.create(&secretsstorev1.NewSecret{}, fresh("PAYMENTS_C")) }, codes.PermissionDenied},
		{"nor that there is nothing to create", reader, func(w *world) call { return w.create() }, codes.PermissionDenied},

		{"copying takes the right to copy", maker, func(w *world) call { return w.copy(w.payA, "COPY_A") }, codes.PermissionDenied},
		{"and the right to create", copier, func(w *world) call { return w.copy(w.payA, "COPY_A") }, codes.PermissionDenied},
		{"with both it is done", both, func(w *world) call { return w.copy(w.payA, "COPY_A") }, ok},
		{"under a name that may be made", both, func(w *world) call { return w.copy(w.payA, "OTHER_A") }, codes.PermissionDenied},

		{"CI creates with its scope", ci, func(w *world) call { return w.create(fresh("CI_B")) }, ok},
		{"CI does not create with another scope", ci, func(w *world) call { return w.create(fresh("CI_B", "workers", "dex")) }, codes.PermissionDenied},
		{"not even in the last of a batch", ci, func(w *world) call { return w.create(fresh("CI_B"), fresh("CI_C", "dex")) }, codes.PermissionDenied},
		{"CI changes a value", ci, func(w *world) call { return w.update(w.ciA) }, ok},
		{"CI does not give another scope by a change", ci, func(w *world) call { return w.update(w.ciA, "dex") }, codes.PermissionDenied},
		{"CI reads", ci, func(w *world) call { return w.get(w.ciA) }, ok},
		{"CI does not delete", ci, func(w *world) call { return w.remove(w.ciA) }, codes.PermissionDenied},
		{"CI does not copy", ci, func(w *world) call { return w.copy(w.ciA, "CI_B") }, codes.PermissionDenied},

		{"a reader reads a secret", reader, func(w *world) call { return w.get(w.payA) }, ok},
		{"a reader reads a store", reader, func(w *world) call { return w.rpcs()[2].call }, ok},
		{"a reader reads the quota", reader, func(w *world) call { return w.rpcs()[11].call }, ok},
		{"a reader does not change", reader, func(w *world) call { return w.update(w.payA) }, codes.PermissionDenied},
		{"a reader does not delete", reader, func(w *world) call { return w.remove(w.payA) }, codes.PermissionDenied},
		{"a reader hears that a secret does not exist", reader, func(w *world) call { return w.get(nowhere) }, codes.NotFound},
		{"who may do nothing does not hear even that", nobody, func(w *world) call { return w.get(nowhere) }, codes.PermissionDenied},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := start(t, servertest.Config{})
			before := w.Cloudflare.State(t)
			err := c.call(w)(within(t), w.As(c.caller))
			if status.Code(err) != c.code {
				t.Fatalf("got %v, want %v", err, c.code)
			}
			if c.code == ok {
				return
			}
			if changed := w.Cloudflare.Changed(); len(changed) > 0 {
				t.Errorf("a refused call reached Cloudflare: %v", changed)
			}
			if !maps.Equal(before, w.Cloudflare.State(t)) {
				t.Error("a refused call changed something")
			}
		})
	}
}

func TestRightsEndAtTheStoreAndTheAccount(t *testing.T) {
	w := start(t, servertest.Config{})
	client := w.As(payments)
	for name, at := range map[string]*secretsstorev1.GetSecretRequest{
		"the same name in another store":   {AccountId: main, StoreId: w.spare, SecretId: w.sparePay},
		"the same name in another account": {AccountId: other, StoreId: w.elsewhere, SecretId: w.farPay},
		"by the account's identifier":      {AccountId: otherID, StoreId: w.elsewhere, SecretId: w.farPay},
	} {
		if _, err := client.GetSecret(within(t), at); status.Code(err) != codes.PermissionDenied {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for name, at := range map[string]*secretsstorev1.GetSecretRequest{
		"a secret sought in a store that it is not in":      {AccountId: main, StoreId: w.store, SecretId: w.sparePay},
		"a store sought in an account that it is not in":    {AccountId: main, StoreId: w.elsewhere, SecretId: w.farPay},
		"a store that does not exist":                       {AccountId: main, StoreId: nowhere, SecretId: w.payA},
		"an identifier that is none, in place of the store": {AccountId: main, StoreId: "x", SecretId: w.payA},
	} {
		if _, err := client.GetSecret(within(t), at); status.Code(err) != codes.NotFound {
			t.Errorf("%s: got %v", name, err)
		}
	}
	own := &secretsstorev1.GetSecretRequest{AccountId: mainID, StoreId: w.store, SecretId: w.payA}
	if _, err := client.GetSecret(within(t), own); err != nil {
		t.Errorf("its own by the account's identifier: %v", err)
	}
}

func TestAnAccountThatIsNotServedIsDenied(t *testing.T) {
	w := start(t, servertest.Config{})
	for _, account := range []string{servertest.UnservedID, nowhere, "no-such-name", "MAIN"} {
		_, err := w.As(root).GetSecret(within(t), &secretsstorev1.GetSecretRequest{AccountId: account, StoreId: w.store, SecretId: w.payA})
		if status.Code(err) != codes.PermissionDenied || reason(err) != "ACCOUNT_NOT_ALLOWED" {
			t.Errorf("%s: got %v", account, err)
		}
		written := w.Trail.Written()
		if len(written) != 1 || written[0].Kind != audit.KindDenial || written[0].Reason != "ACCOUNT_NOT_ALLOWED" {
			t.Fatalf("%s: the trail has %+v", account, written)
		}
		if r := written[0]; r.Account != account || r.Action != "secret.get" || r.Store.ID != w.store || r.Secrets[0].ID != w.payA {
			t.Errorf("%s: the record is %+v", account, r)
		}
	}
	if seen := w.Cloudflare.Seen(); len(seen) > 0 {
		t.Errorf("it was asked for at Cloudflare: %v", seen)
	}
}
