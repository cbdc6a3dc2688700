package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/emulator"
)

// nameRules gives one caller the right to create, another the right to update,
// and a third no right on secrets.
const nameRules = `
rules:
  - {id: all, actions: ["*"], when: "principal.name == 'team-payments'"}
  - {id: new, actions: ["secret.create"], when: "principal.name == 'creator' && store == 's' && secret.startsWith('C_')"}
  - {id: old, actions: ["secret.update", "secret.delete"], when: "principal.name == 'updater' && store == 's' && secret.startsWith('C_') && scopes.all(s, s == 'workers')"}
`

// byNameCallers are the callers of nameRules.
func byNameCallers() string {
	text := ""
	for _, name := range []string{"creator", "updater", "nobody"} {
		text += fmt.Sprintf("  - {name: %s, sha256: %x}\n", name, sha256.Sum256([]byte("sk_"+name)))
	}
	return text
}

// putAs puts a secret as a caller.
func (p *program) putAs(caller string, r *storekeeperv1.PutSecretRequest) (string, ruling) {
	p.t.Helper()
	answer, err := p.secrets().PutSecret(with("sk_"+caller), r)
	got := ruling{err: err}
	got.takeApart()
	return answer.GetOutcome().String(), got
}

// TestAPutNeedsTheRightOfWhatItDoes also checks denials: they depend on no
// object without rights of the caller, and have no identifier that the caller
// did not send.
func TestAPutNeedsTheRightOfWhatItDoes(t *testing.T) {
	t.Parallel()
	p := start(t, setup{policy: nameRules, callers: byNameCallers(), emulator: emulator.Config{Accounts: []emulator.Account{{ID: accountID, StoreLimit: 5}}}})
	store := p.madeStore("s")
	p.madeStore("t")
	p.puts(aPut("C_old", "v"), created)
	p.puts(aPut("D_old", "v"), created)
	before := p.sent()
	for _, c := range []struct{ caller, name, store, needs string }{
		{"nobody", "C_old", "s", `secret.create or secret.update on secret "C_old" in store "s"`},
		{"nobody", "C_new", "s", `secret.create or secret.update on secret "C_new" in store "s"`},
		{"nobody", "C_new", "none", `secret.create or secret.update on secret "C_new" in store "none"`},
		{"nobody", "C_new", noSuchID, `secret.create or secret.update on secret "C_new" in store "` + noSuchID + `"`},
		{"nobody", "C_old", store, `secret.create or secret.update on secret "C_old" in store "` + store + `"`},
		{"creator", "C_old", "s", `secret.update on secret "C_old" in store "s"`},
		{"creator", "D_old", "s", `secret.create or secret.update on secret "D_old" in store "s"`},
		{"creator", "D_new", "s", `secret.create or secret.update on secret "D_new" in store "s"`},
		{"creator", "C_old", "t", `secret.create or secret.update on secret "C_old" in store "t"`},
		{"updater", "C_new", "s", `secret.create on secret "C_new" in store "s"`},
		{"updater", "C_new", store, `secret.create on secret "C_new" in store "` + store + `"`},
	} {
		for _, only := range []bool{false, true} {
			_, got := p.putAs(c.caller, aPut(c.name, "v2", func(r *storekeeperv1.PutSecretRequest) { r.Store, r.ValidateOnly = c.store, only }))
			if c.store == noSuchID {
				// Whether a store has an identifier is told before names are known.
				if got.code != codes.PermissionDenied && got.code != codes.NotFound {
					t.Errorf("%+v: %v", c, got.err)
				}
				continue
			}
			if got.code != codes.PermissionDenied || got.info.GetReason() != "NOT_ALLOWED" || !strings.Contains(status.Convert(got.err).Message(), "allows "+c.needs+" of account") {
				t.Errorf("%+v: %v", c, got.err)
			}
			ids := regexp.MustCompile(`"[0-9a-f]{32}"`).FindAllString(status.Convert(got.err).Message(), -1)
			if len(ids) > 0 && (len(ids) > 1 || ids[0] != `"`+c.store+`"`) {
				t.Errorf("%+v: the denial names %v", c, ids)
			}
			if facts := got.info.GetMetadata(); facts["secret"] != c.name || facts["store"] != c.store {
				t.Errorf("%+v: the denial has the facts %v", c, facts)
			}
		}
	}
	scopes := func(r *storekeeperv1.PutSecretRequest) { r.Scopes = []string{"dex"} }
	if _, got := p.putAs("updater", aPut("C_old", "v2", scopes)); got.code != codes.PermissionDenied {
		t.Errorf("scopes that the rule does not allow: %v", got.err)
	}
	if n := p.sent() - before; n != 0 {
		t.Errorf("%d changes were sent", n)
	}
	for _, c := range []struct{ caller, name, want string }{{"creator", "C_new", "CREATED"}, {"updater", "C_old", "UPDATED"}, {"updater", "C_new", "UPDATED"}} {
		if outcome, got := p.putAs(c.caller, aPut(c.name, "v3")); got.err != nil || outcome != c.want {
			t.Errorf("%+v: %s, %v", c, outcome, got.err)
		}
	}
}

func TestABatchIsAllowedAsAWhole(t *testing.T) {
	t.Parallel()
	p := start(t, setup{policy: nameRules, callers: byNameCallers()})
	p.madeStore("s")
	p.puts(aPut("C_old", "v"), created)
	before := p.sent()
	for _, second := range []string{"C_old", "D_new"} {
		request := &storekeeperv1.PutSecretsRequest{Account: accountName, Store: "s"}
		for _, name := range []string{"C_new", second} {
			request.Secrets = append(request.Secrets, &storekeeperv1.SecretPut{Name: name, Value: "v", Scopes: []string{"workers"}})
		}
		_, err := p.secrets().PutSecrets(with("sk_creator"), request)
		if status.Code(err) != codes.PermissionDenied {
			t.Errorf("with %s: %v", second, err)
		}
	}
	if n := p.sent() - before; n != 0 {
		t.Errorf("%d changes were sent", n)
	}
	last := p.trail(t)
	for _, r := range last[len(last)-2:] {
		if r.Kind != "denial" || r.Caller != "creator" || r.Method != "/storekeeper.v1.SecretService/PutSecrets" {
			t.Errorf("the trail has %+v", r)
		}
	}
}

func TestTheTrailHasOneIntentAndOneOutcomeOfAPut(t *testing.T) {
	t.Parallel()
	p := remembering(t, setup{})
	p.madeStore("s")
	made := p.puts(aPut("A", "v1"), created)
	p.puts(aPut("A", "v2"), updated)
	p.puts(aPut("A", "v2"), unchanged)
	_, err := p.secrets().DeleteSecret(asCaller(context.Background()), &storekeeperv1.DeleteSecretRequest{Account: accountName, Store: "s", Name: "A"})
	must(t, err)
	var got []string
	for _, r := range p.trail(t) {
		if method, ours := strings.CutPrefix(r.Method, "/storekeeper.v1.SecretService/"); ours {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s %v", r.Kind, method, r.Action, r.Secrets[0].Name, r.Outcome, r.Changed)))
			if id := r.Secrets[0].ID; id != made.GetSecret().GetId() && (r.Kind != "intent" || r.Action != "secret.create") {
				t.Errorf("the identifier is %q in %+v", id, r)
			}
		}
	}
	want := []string{
		"intent PutSecret secret.create A  []", "outcome PutSecret secret.create A succeeded []",
		"intent PutSecret secret.update A  [scopes value]", "outcome PutSecret secret.update A succeeded [scopes value]",
		"intent DeleteSecret secret.delete A  []", "outcome DeleteSecret secret.delete A succeeded []",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the trail has\n%s", strings.Join(got, "\n"))
	}
}
