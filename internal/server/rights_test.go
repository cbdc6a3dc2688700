package server_test

import (
	"maps"
	"slices"
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

func TestARefusedBatchNamesWhatIsRefusedAndNothingElse(t *testing.T) {
	w := start(t, servertest.Config{})
	err := w.create(fresh("PAYMENTS_C"), fresh("SEARCH_C"), fresh("PAYMENTS_D"), fresh("OTHER"))(within(t), w.As(payments))
	text := status.Convert(err).Message()
	for _, name := range []string{`"SEARCH_C"`, `"OTHER"`, w.store, `"main"`, `"payments-app"`} {
		if !strings.Contains(text, name) {
			t.Errorf("%s is not named: %s", name, text)
		}
	}
	if strings.Contains(text, "PAYMENTS_") || strings.Contains(text, "payments-own-a-prefix") {
		t.Errorf("what is allowed, or a rule, is named: %s", text)
	}
	err = w.removeAll(w.payA, w.searchA, w.payB, w.ciA)(within(t), w.As(payments))
	text = status.Convert(err).Message()
	if !strings.Contains(text, w.searchA) || !strings.Contains(text, w.ciA) || strings.Contains(text, w.payA) || strings.Contains(text, w.payB) {
		t.Errorf("got %s", text)
	}
	var many []*secretsstorev1.NewSecret
	for range 40 {
		many = append(many, fresh("SEARCH_"+strings.Repeat("x", 200)))
	}
	text = status.Convert(w.create(many...)(within(t), w.As(payments))).Message()
	if strings.Count(text, "secret.create") != 10 || !strings.Contains(text, "and 30 more") || len(text) > 4096 {
		t.Errorf("%d bytes: %s", len(text), text)
	}
}

// TestADenialTellsNoNameThatTheCallerDidNotSend is about identifiers: the rules
// are judged by the names behind them, which the caller may not see.
func TestADenialTellsNoNameThatTheCallerDidNotSend(t *testing.T) {
	w := start(t, servertest.Config{})
	for name, call := range map[string]call{
		"read": w.get(w.searchA), "change": w.update(w.searchA), "delete": w.remove(w.searchA),
		"delete several": w.removeAll(w.payA, w.searchA), "copy": w.copy(w.searchA, "PAYMENTS_C"),
	} {
		err := call(within(t), w.As(payments))
		text := status.Convert(err).String()
		if strings.Contains(text, "SEARCH_A") || strings.Contains(text, "default") || !strings.Contains(text, w.searchA) {
			t.Errorf("%s: got %s", name, text)
		}
		denial := w.Trail.Written()[0]
		if !slices.ContainsFunc(denial.Secrets, func(s audit.Secret) bool { return s.Name == "SEARCH_A" }) || denial.Store.Name != "default" {
			t.Errorf("%s: the record does not have the names: %+v", name, denial)
		}
	}
	if text := status.Convert(w.update(w.ciA, "dex")(within(t), w.As(ci))).Message(); !strings.Contains(text, `"CI_A"`) {
		t.Errorf("a name that the caller may see is not told: %s", text)
	}
	if text := status.Convert(w.get(w.payA)(within(t), w.As(search))).Message(); !strings.Contains(text, `"default"`) || strings.Contains(text, "PAYMENTS") {
		t.Errorf("to a caller that sees the store: %s", text)
	}
	quota := &secretsstorev1.GetQuotaRequest{AccountId: mainID}
	if _, err := w.As(payments).GetQuota(within(t), quota); strings.Contains(status.Convert(err).Message(), `"main"`) {
		t.Errorf("the name of an account is told: %v", err)
	}
}

// TestADenialIsBounded sends a call that validation would refuse if the caller were authorised.
func TestADenialIsBounded(t *testing.T) {
	w := start(t, servertest.Config{Callers: []authn.Principal{payments}})
	client := servertest.Over(w.Listen(t), payments.Name)
	err := w.create(fresh("\x00"+strings.Repeat("\u00e9", 1<<20)))(within(t), client)
	if text := status.Convert(err).Message(); status.Code(err) != codes.PermissionDenied || len(text) > 1024 {
		t.Errorf("%d bytes: %v", len(text), status.Code(err))
	}
	huge := strings.Repeat("a", 1<<20)
	_, err = client.GetSecret(within(t), &secretsstorev1.GetSecretRequest{AccountId: main, StoreId: huge, SecretId: huge})
	if status.Code(err) != codes.NotFound {
		t.Errorf("got %v", status.Code(err))
	}
}

// TestNamesAreLookedUpOnlyWhereARuleDependsOnThem counts the requests of each call to Cloudflare,
// including the request of the call itself.
func TestNamesAreLookedUpOnlyWhereARuleDependsOnThem(t *testing.T) {
	w := start(t, servertest.Config{})
	for _, step := range []struct {
		name   string
		caller authn.Principal
		call   call
		asked  int
	}{
		{"an unconditional rule costs nothing", reader, w.get(w.payA), 1},
		{"a change locks its secret by name too", root, w.update(w.payA), 2},
		{"a batch of new ones costs nothing more", root, w.copy(w.payA, "COPY_A"), 1},
		{"no rule about the caller costs nothing", nobody, w.get(w.payA), 0},
		{"no rule about the action costs nothing", reader, w.remove(w.payA), 0},
		{"a prefix costs the name of the store, where that of the secret is known", payments, w.get(w.payA), 2},
		{"once", payments, w.get(w.payA), 1},
		{"and for all callers", search, w.get(w.payA), 0},
		{"another secret of the store costs one", payments, w.update(w.payB), 2},
		{"a new secret needs the store alone", payments, w.create(fresh("PAYMENTS_C")), 1},
		{"what does not exist is asked for again", payments, w.get(nowhere), 1},
		{"and again", payments, w.get(nowhere), 1},
		{"several that are not known cost one page", payments, w.removeAll(w.searchA, w.ciA), 1},
		{"once they are known nothing", payments, w.removeAll(w.searchA, w.ciA), 0},
		{"a list of which all may be seen is read as it is", reader, w.rpcs()[5].call, 1},
	} {
		w.Cloudflare.Seen()
		_ = step.call(within(t), w.As(step.caller))
		if seen := w.Cloudflare.Seen(); len(seen) != step.asked {
			t.Errorf("%s: %d requests, want %d: %v", step.name, len(seen), step.asked, seen)
		}
	}
}

// TestOneCallerLearnsNothingOfADeletedSecret asks for a deleted secret whose name is still cached.
func TestOneCallerLearnsNothingOfADeletedSecret(t *testing.T) {
	w := start(t, servertest.Config{})
	for _, call := range []call{w.get(w.payA), w.remove(w.payA)} {
		if err := call(within(t), w.As(payments)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.get(w.payA)(within(t), w.As(payments)); status.Code(err) != codes.NotFound {
		t.Errorf("its owner: %v", err)
	}
	err := w.get(w.payA)(within(t), w.As(search))
	if status.Code(err) != codes.PermissionDenied || strings.Contains(status.Convert(err).String(), "PAYMENTS_A") {
		t.Errorf("another: %v", err)
	}
}

func TestWhatARuleSaysOfNoAccountIsNotSaidOfEach(t *testing.T) {
	w := start(t, servertest.Config{Rules: `rules: [{id: not-other, actions: ["*"], when: 'account != "other"'}]`})
	list, err := w.As(nobody).Identity.ListAccounts(within(t), &identityv1.ListAccountsRequest{})
	if err != nil || len(list.GetAccounts()) != 1 || list.GetAccounts()[0].GetName() != main || list.GetResultInfo().GetTotalCount() != 1 {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestALongBatchIsRefusedWithoutBeingJudgedWhole(t *testing.T) {
	w := start(t, servertest.Config{})
	var secrets []*secretsstorev1.NewSecret
	var ids []string
	for range 200_000 {
		secrets, ids = append(secrets, fresh("PAYMENTS_C")), append(ids, w.payA)
	}
	for name, call := range map[string]call{"create": w.create(secrets...), "delete": w.removeAll(ids...)} {
		if err := call(within(t), w.As(payments)); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "at most 100 items") {
			t.Errorf("%s: got %.200v", name, err)
		}
		if err := call(within(t), w.As(nobody)); status.Code(err) != codes.PermissionDenied {
			t.Errorf("%s by another: got %.200v", name, err)
		}
		if written := w.Trail.Written(); len(written) != 1 || len(written[0].Secrets) > 100 || written[0].SecretCount != 200_000 {
			t.Errorf("%s: %d records", name, len(written))
		}
	}
	if changed := w.Cloudflare.Changed(); len(changed) > 0 {
		t.Errorf("%d changes", len(changed))
	}
}
