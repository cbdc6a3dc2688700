package changes_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/changes"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/history"
	"platform.internal/storekeeper/internal/history/fileindex"
)

const rules = `rules:
  - {id: operators, actions: [change.get], when: '"operators" in principal.groups'}
  - {id: main-operators, actions: ["*.get"], when: '"main" in principal.groups && account == "main"'}
  - {id: shop, actions: [change.get], when: 'principal.tenant == "shop" && store == "shop"'}
  - {id: shop-prefix, actions: [change.get], when: '"prefix" in principal.groups && store == "shop" && secret.startsWith("SHOP_")'}
  - {id: readers, actions: [secret.get, store.get], when: '"readers" in principal.groups && store == "shop" && secret.startsWith("SHARED_")'}
`

// names knows two stores.
type names struct{}

func (names) Account(idOrName string) (string, bool) { return idOrName, idOrName != "gone" }
func (names) Accounts() []string                     { return []string{"main", "other"} }
func (names) KnownStore(_ context.Context, _, id string) (string, bool) {
	name, ok := map[string]string{"1": "shop", "2": "vault"}[id]
	return name, ok
}
func (names) KnownStores(_ context.Context, name string) []string {
	return map[string][]string{"shop": {"1"}, "vault": {"2"}}[name]
}

// service has the changes of three teams.
func service(t *testing.T) *changes.Service {
	t.Helper()
	chain := audit.NewChain(nil, audit.NewOrigin(nil), audit.Place{})
	text := chain.AppendOwn(nil, audit.KindStart, "", time.Now())
	for i, c := range []struct {
		caller, tenant, store string
		secrets               []string
	}{
		{"pay-ci", "pay", "1", []string{"PAY_KEY"}},
		{"pay-ci", "pay", "1", []string{"SHARED_KEY", "PAY_KEY"}},
		{"shop-ci", "shop", "1", []string{"SHOP_KEY"}},
		{"shop-ci", "shop", "2", []string{"SHOP_KEY"}},
		{"alone", "", "1", []string{"SHARED_OWN"}},
		{"alone", "", "2", nil},
		{"pay", "", "1", []string{"NAMED_AS_A_TENANT"}},
		{"new-ci", "renamed", "1", []string{"RENAMED"}},
		{"old-ci", "t-7", "1", []string{"OLD"}},
	} {
		r := audit.Record{Kind: audit.KindIntent, ID: fmt.Sprint(i), Caller: c.caller, Tenant: c.tenant, Credential: audit.CredentialAPIKey, Account: "main", Store: audit.Store{ID: c.store}, Peer: "10.0.0.1:1", RequestID: "q"}
		if c.tenant == "renamed" {
			r.TenantID = "t-7"
		}
		for _, s := range c.secrets {
			r.Secrets = append(r.Secrets, audit.Secret{ID: "id-" + s, Name: s})
		}
		var err error
		text, err = chain.Append(text, r, time.Now())
		if err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	x := fileindex.New(fileindex.Config{Path: path, Folder: path + ".index"})
	t.Cleanup(func() { _ = x.Close() })
	if err := x.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	return over(t, x)
}

func over(t *testing.T, x history.Index) *changes.Service {
	t.Helper()
	engine, _, err := authz.Parse([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	return changes.NewService(changes.Config{Index: x, TokenKey: []byte("key"), Decide: authz.Fixed(engine).Decide, Names: names{}})
}

func as(t *testing.T, tenant, name string, groups ...string) context.Context {
	t.Helper()
	return authn.WithPrincipal(t.Context(), &authn.Principal{Name: name, Tenant: tenant, Groups: groups, Kind: authn.KindAPIKey})
}

// renamed is a caller of a tenant whose id differs from the name.
func renamed(t *testing.T) context.Context {
	t.Helper()
	return authn.WithPrincipal(t.Context(), &authn.Principal{Name: "x", Tenant: "again renamed", TenantID: "t-7"})
}

func TestACallerSeesWhatItMaySee(t *testing.T) {
	t.Parallel()
	s := service(t)
	type request = storekeeperv1.ListChangesRequest
	for what, c := range map[string]struct {
		ctx  context.Context
		in   *request
		want string
	}{
		"a tenant its own":                              {as(t, "pay", "pay-ci"), &request{}, "1:SHARED_KEY,PAY_KEY 0:PAY_KEY"},
		"a tenant that was renamed":                     {renamed(t), &request{}, "8:OLD 7:RENAMED"},
		"a tenant that was renamed asks for its name":   {renamed(t), &request{Tenant: "again renamed", Secret: "OLD"}, "8:OLD"},
		"who is named as a renamed tenant":              {as(t, "renamed", "x"), &request{}, ""},
		"another caller of the tenant":                  {as(t, "pay", "person"), &request{}, "1:SHARED_KEY,PAY_KEY 0:PAY_KEY"},
		"a caller without a tenant its own":             {as(t, "", "alone"), &request{}, "5: 4:SHARED_OWN"},
		"a caller that is named as a tenant":            {as(t, "", "pay"), &request{}, "6:NAMED_AS_A_TENANT"},
		"a tenant that is named as a caller":            {as(t, "alone", "x"), &request{}, ""},
		"nobody":                                        {as(t, "", "nobody"), &request{}, ""},
		"nobody asks for a secret":                      {as(t, "", "nobody"), &request{Secret: "PAY_KEY"}, ""},
		"nobody asks for a tenant":                      {as(t, "", "nobody"), &request{Tenant: "pay"}, ""},
		"a tenant asks for another":                     {as(t, "pay", "pay-ci"), &request{Tenant: "shop"}, ""},
		"a tenant asks for another's caller":            {as(t, "pay", "pay-ci"), &request{Caller: "shop-ci"}, ""},
		"a tenant asks for its caller":                  {as(t, "pay", "person"), &request{Caller: "pay-ci", Secret: "id-SHARED_KEY"}, "1:SHARED_KEY,PAY_KEY"},
		"an operator sees all":                          {as(t, "", "op", "operators"), &request{}, "8:OLD 7:RENAMED 6:NAMED_AS_A_TENANT 5: 4:SHARED_OWN 3:SHOP_KEY 2:SHOP_KEY 1:SHARED_KEY,PAY_KEY 0:PAY_KEY"},
		"an operator asks for a store":                  {as(t, "", "op", "operators"), &request{Store: "vault"}, "5: 3:SHOP_KEY"},
		"an operator of an account asks for it":         {as(t, "", "op", "main"), &request{Account: "main", Caller: "alone"}, "5: 4:SHARED_OWN"},
		"an operator of an account gets its own":        {as(t, "", "op", "main"), &request{}, ""},
		"a rule about a store":                          {as(t, "shop", "x"), &request{Store: "shop", Tenant: "pay"}, "1:SHARED_KEY,PAY_KEY 0:PAY_KEY"},
		"a rule about another store":                    {as(t, "shop", "x"), &request{Store: "vault"}, "3:SHOP_KEY"},
		"a rule about a prefix":                         {as(t, "", "x", "prefix"), &request{Store: "shop"}, "2:SHOP_KEY"},
		"who may read a secret sees it alone":           {as(t, "", "x", "readers"), &request{Store: "shop"}, "4:SHARED_OWN 1:SHARED_KEY"},
		"and does not find what is beside it":           {as(t, "", "x", "readers"), &request{Secret: "PAY_KEY"}, ""},
		"nor by its identifier":                         {as(t, "", "x", "readers"), &request{Secret: "id-PAY_KEY"}, ""},
		"and finds it by its identifier":                {as(t, "", "x", "readers"), &request{Secret: "id-SHARED_KEY"}, "1:SHARED_KEY"},
		"who may read in a store sees no other":         {as(t, "", "x", "readers"), &request{Store: "vault"}, ""},
		"a prefix of a tenant's name is another tenant": {as(t, "pa", "x"), &request{}, ""},
	} {
		out, err := s.ListChanges(c.ctx, c.in)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		var got []string
		for _, change := range out.GetChanges() {
			var secrets []string
			for _, secret := range change.GetSecrets() {
				secrets = append(secrets, secret.GetName())
			}
			got = append(got, change.GetId()+":"+strings.Join(secrets, ","))
			if limited := strings.Contains(what, "read") || strings.Contains(what, "and finds"); limited != (change.GetBy().GetPeer() == "") || limited != (change.GetRequestId() == "") {
				t.Errorf("%s: shown as %v", what, change)
			}
			if all := strings.HasPrefix(what, "an operator") && !strings.Contains(what, "of an account"); all != (change.GetIntentSeq() > 0) {
				t.Errorf("%s: numbers of records in %v", what, change)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %q, want %q", what, strings.Join(got, " "), c.want)
		}
	}
}

// failing is an index that fails.
type failing struct{ err error }

func (f failing) CatchUp(context.Context) error { return f.err }
func (f failing) Rows(context.Context, audit.Key, uint64, int) ([]audit.Row, error) {
	return nil, f.err
}
func (f failing) Lines(context.Context, []audit.Location) ([][]byte, error) { return nil, f.err }

func TestFailuresOfTheIndexAreFaults(t *testing.T) {
	t.Parallel()
	for reason, err := range map[string]error{
		"CHANGES_NOT_INDEXED": fmt.Errorf("%w: it has 5", audit.ErrIndexing), "STATE_UNAVAILABLE": errors.New("a disk of 10.0.0.1"), "CANCELED": context.Canceled,
		"STATE_FULL": fault.New(fault.Unavailable, fault.ReasonStateFull, "Full."),
	} {
		_, got := over(t, failing{err}).ListChanges(as(t, "pay", "x"), &storekeeperv1.ListChangesRequest{})
		f, ok := errors.AsType[*fault.Error](got)
		if !ok || f.Reason != reason || strings.Contains(f.Public, "10.0.0.1") {
			t.Errorf("%v: %v", err, got)
		}
		if retried := slices.Contains([]string{"CHANGES_NOT_INDEXED", "STATE_UNAVAILABLE"}, reason); ok && retried != (f.RetryAfter > 0) {
			t.Errorf("%s is retried after %v", reason, f.RetryAfter)
		}
	}
}
