package server_test

import (
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
