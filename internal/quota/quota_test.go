package quota_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/quota"
	storing "platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/upstream"
)

func TestTenantCannotHaveMoreThanItsLimit(t *testing.T) {
	f := newCloudflare(100)
	c := client(f, newMemory(), rules(1, 3))
	must(t, c, "a", 2)
	refused(t, c, "a", 2)
	if _, err := c.DuplicateSecret(as("a"), upstream.DuplicateSecretParams{Account: "main", StoreID: other}); err != nil {
		t.Fatal(err)
	}
	refused(t, c, "a", 1)
	must(t, c, "b", 3)
	if _, err := c.DuplicateSecret(as("b"), upstream.DuplicateSecretParams{Account: account, StoreID: other}); err == nil {
		t.Error("a copy does not count")
	}
	if _, err := c.CreateStore(as("a"), upstream.CreateStoreParams{Account: account}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateStore(as("a"), upstream.CreateStoreParams{Account: "main"}); fault.From(err).Reason != "MAXIMUM_STORES_EXCEEDED" {
		t.Errorf("a second store gave %v", err)
	}
	if len(f.secrets) != 6 || len(f.stores) != 3 || f.sent != 4 {
		t.Errorf("Cloudflare has %d secrets and %d stores after %d changes", len(f.secrets), len(f.stores), f.sent)
	}
}

// A limit is said in Cloudflare's words, which clients know.
func TestRefusalsAreCloudflaresAndSayWhoseLimitItIs(t *testing.T) {
	f := newCloudflare(4)
	c := client(f, newMemory(), rules(0, 3))
	must(t, c, "a", 3)
	_, tenants := create(as("a"), c, 1)
	_, accounts := create(as("b"), c, 2)
	_, noStores := c.CreateStore(as("a"), upstream.CreateStoreParams{Account: account})
	for name, test := range map[string]struct {
		err  error
		want fault.Error
	}{
		"tenant": {tenants, fault.Error{
			Reason: "MAXIMUM_SECRETS_EXCEEDED", Detail: "max 3", Public: "The tenant has all the secrets that its own limit in this account allows: 3.",
		}},
		"account": {accounts, fault.Error{
			Reason: "MAXIMUM_SECRETS_EXCEEDED", Detail: "max 4", Public: "The account has all the secrets that its Cloudflare plan allows.",
		}},
		"stores": {noStores, fault.Error{
			Reason: "MAXIMUM_STORES_EXCEEDED", Public: "The tenant has all the stores that its own limit in this account allows: 0.",
		}},
	} {
		got := fault.From(test.err)
		if got.Kind != fault.LimitReached || got.Reason != test.want.Reason || got.Detail != test.want.Detail || got.Public != test.want.Public {
			t.Errorf("%s: got %+v, want %+v", name, got, test.want)
		}
		// Over REST the error has the word alone.
		if own := name != "account"; own != (len(got.Notices) == 1 && got.Notices[0].Text == got.Public) {
			t.Errorf("%s: notices %+v", name, got.Notices)
		}
	}
	if f.refused > 0 {
		t.Error("Cloudflare was asked")
	}
}

func TestWithoutLimitsNothingIsKeptOrRead(t *testing.T) {
	limit := 1
	for name, test := range map[string]struct {
		rules   []quota.Rule
		tenant  string
		stores  bool
		records int
	}{
		"no rules":                            {nil, "a", false, 0},
		"stores of a tenant without a limit":  {[]quota.Rule{{Tenant: "b", Limit: quota.Limit{Stores: &limit}}}, "a", true, 0},
		"a store where secrets have a limit":  {[]quota.Rule{{Tenant: "a", Limit: quota.Limit{Secrets: &limit}}}, "a", true, 0},
		"secrets where a tenant has no limit": {[]quota.Rule{{Tenant: "b", Limit: quota.Limit{Secrets: &limit}}}, "a", false, 1},
	} {
		f, kept := newCloudflare(100), newMemory()
		c := client(f, kept, test.rules)
		if test.stores {
			if _, err := c.CreateStore(as(test.tenant), upstream.CreateStoreParams{Account: account}); err != nil {
				t.Error(err)
			}
		} else {
			ids := must(t, c, test.tenant, 2)
			if _, err := c.DeleteSecret(as(test.tenant), upstream.SecretParams{Account: account, StoreID: store, SecretID: ids[0]}); err != nil {
				t.Error(err)
			}
		}
		if len(kept.entries) != test.records || f.readings != test.records {
			t.Errorf("%s: %d records and %d readings", name, len(kept.entries), f.readings)
		}
	}
}

// TestUnknownAccountIsPassedOn: the next step refuses an unknown account.
func TestUnknownAccountIsPassedOn(t *testing.T) {
	f := newCloudflare(100)
	if _, err := client(f, newMemory(), rules(1, 0)).CreateSecrets(as("a"), upstream.CreateSecretsParams{Account: "none", Secrets: make([]upstream.NewSecret, 1)}); err != nil || f.sent != 1 {
		t.Errorf("got %v after %d changes", err, f.sent)
	}
}

func TestDeletesGiveThePlaceBackWhoeverDeletes(t *testing.T) {
	for name, test := range map[string]struct {
		remove func(c *counted, ids []string) error
		// left is how many of the three secrets count afterwards.
		left int
	}{
		"one": {func(c *counted, ids []string) error {
			_, err := c.DeleteSecret(as("b"), upstream.SecretParams{Account: "main", StoreID: store, SecretID: ids[0]})
			return err
		}, 2},
		"several": {func(c *counted, ids []string) error {
			_, err := c.DeleteSecrets(as(""), upstream.DeleteSecretsParams{Account: account, StoreID: store, IDs: ids[:2]})
			return err
		}, 1},
		"the store": {func(c *counted, _ []string) error {
			_, err := c.DeleteStore(as("b"), upstream.DeleteStoreParams{Account: account, StoreID: store, Force: true})
			return err
		}, 0},
		"several, one unknown": {func(c *counted, ids []string) error {
			_, err := c.DeleteSecrets(as("b"), upstream.DeleteSecretsParams{Account: account, StoreID: store, IDs: append(slices.Clone(ids), "none")})
			return want(err, fault.NotFound)
		}, 3},
		"in a store where it is not": {func(c *counted, ids []string) error {
			_, err := c.DeleteSecret(as("b"), upstream.SecretParams{Account: account, StoreID: other, SecretID: ids[0]})
			return want(err, fault.NotFound)
		}, 3},
		"a store with the name of a secret": {func(c *counted, ids []string) error {
			_, err := c.DeleteStore(as("b"), upstream.DeleteStoreParams{Account: account, StoreID: ids[0]})
			return want(err, fault.NotFound)
		}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			kept := newMemory()
			c := client(newCloudflare(100), kept, rules(1, 3))
			if err := test.remove(c, must(t, c, "a", 3)); err != nil {
				t.Fatal(err)
			}
			// A store that was deleted does not come back, so its tenant goes on in another.
			in := store
			if name == "the store" {
				in = other
			}
			if test.left < 3 {
				if _, err := c.CreateSecrets(as("a"), upstream.CreateSecretsParams{Account: account, StoreID: in, Secrets: make([]upstream.NewSecret, 3-test.left)}); err != nil {
					t.Fatal(err)
				}
			}
			refused(t, c, "a", 1)
			// There is one record for the tenant, one for the account, one for each secret, and for a day one for the
			// deleted store.
			maps.DeleteFunc(kept.entries, func(key string, _ storing.Record) bool { return strings.HasPrefix(key, "quota/deletion/") })
			if len(kept.entries) != 5 {
				t.Errorf("%d records are kept: %v", len(kept.entries), kept.entries)
			}
		})
	}
}

// want takes an expected fault for a success.
func want(err error, kind fault.Kind) error {
	if err != nil && fault.From(err).Kind == kind {
		return nil
	}
	return errors.Join(errors.New("another end was expected"), err)
}

// TestDeleteOfWhatIsGoneGivesThePlaceBack: an object deleted elsewhere stops counting after a delete through
// Storekeeper.
func TestDeleteOfWhatIsGoneGivesThePlaceBack(t *testing.T) {
	f, kept := newCloudflare(100), newMemory()
	c := client(f, kept, rules(1, 1))
	ids := must(t, c, "a", 1)
	delete(f.secrets, ids[0])
	_, err := c.DeleteSecret(as("b"), upstream.SecretParams{Account: account, StoreID: store, SecretID: ids[0]})
	if want(err, fault.NotFound) != nil {
		t.Fatal(err)
	}
	must(t, c, "a", 1)
}

func TestStoresOfATenantCount(t *testing.T) {
	c := client(newCloudflare(100), newMemory(), rules(1, 1))
	answer, err := c.CreateStore(as("a"), upstream.CreateStoreParams{Account: account})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteStore(as("b"), upstream.DeleteStoreParams{Account: account, StoreID: answer.Result.ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateStore(as("a"), upstream.CreateStoreParams{Account: account}); err != nil {
		t.Error(err)
	}
}

func TestFailedCreateGivesThePlaceBackAndALostOneKeepsItUntilItsEnd(t *testing.T) {
	lost := fault.New(fault.Unavailable, fault.ReasonUpstreamAnswerLost, "Nobody knows.")
	for name, test := range map[string]struct {
		end   error
		holds bool
	}{
		"name taken":  {fault.New(fault.NameTaken, "SECRET_NAME_ALREADY_EXISTS", "Taken."), false},
		"throttled":   {fault.New(fault.Throttled, "UPSTREAM_THROTTLED", "Later."), true},
		"no turn":     {fault.New(fault.Throttled, "BUDGET_SPENT", "Later."), false},
		"not done":    {errors.New("it was found not to be done"), false},
		"answer lost": {lost, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newCloudflare(1)
				f.answers = []error{test.end}
				c := client(f, newMemory(), rules(1, 1))
				if _, err := create(as("a"), c, 1); !errors.Is(err, test.end) {
					t.Fatalf("the error is %v", err)
				}
				if test.holds {
					refused(t, c, "a", 1)
					refused(t, c, "b", 1)
					time.Sleep(time.Hour)
					refused(t, c, "a", 1)
					c.settle(t, quota.Ended{})
				}
				must(t, c, "a", 1)
			})
		})
	}
}

// TestTheEndOfALostChangeCountsWhatItMade: recovery of a lost change ends its reservation.
func TestTheEndOfALostChangeCountsWhatItMade(t *testing.T) {
	lost := fault.New(fault.Unavailable, fault.ReasonUpstreamAnswerLost, "Nobody knows.")
	for name, made := range map[string][]string{"done": {"secret-1"}, "not done": nil} {
		t.Run(name, func(t *testing.T) {
			f := newCloudflare(100)
			f.answers = []error{lost}
			c := client(f, newMemory(), rules(1, 1))
			if _, err := create(as("a"), c, 1); !errors.Is(err, lost) {
				t.Fatal(err)
			}
			refused(t, c, "a", 1)
			c.settle(t, quota.Ended{Made: made, Done: made != nil})
			if made != nil {
				refused(t, c, "a", 1)
				return
			}
			must(t, c, "a", 1)
		})
	}
}

func TestNothingIsSentWhereItCannotBeCounted(t *testing.T) {
	f, kept := newCloudflare(100), newMemory()
	kept.fails = func([]string) error { return storing.Unavailable(errors.New("disk full")) }
	_, err := create(as("a"), client(f, kept, rules(1, 1)), 1)
	if got := fault.From(err); got.Kind != fault.Unavailable || got.Reason != "STATE_UNAVAILABLE" || f.sent != 0 {
		t.Errorf("got %v after %d changes", err, f.sent)
	}
}

func TestChangeWhoseCallerHasLeftIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newCloudflare(100)
		c := client(f, newMemory(), rules(1, 1))
		ctx, leave := context.WithCancel(as("a"))
		f.slow = func() time.Duration {
			leave()
			return 0
		}
		ids, err := create(ctx, c, 1)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		refused(t, c, "a", 1)
		if _, err := c.DeleteSecret(as("a"), upstream.SecretParams{Account: account, StoreID: store, SecretID: ids[0]}); err != nil {
			t.Fatal(err)
		}
		must(t, c, "a", 1)
	})
}
