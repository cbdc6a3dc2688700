package servertest

import (
	"context"
	"fmt"
	"testing"

	"platform.internal/storekeeper/internal/upstream"
)

// Store creates a store as the platform and returns the identifier.
func (c *Cloudflare) Store(tb testing.TB, account, name string) string {
	tb.Helper()
	defer c.unseen()()
	a, err := c.Client.CreateStore(context.Background(), upstream.CreateStoreParams{Account: account, Name: name})
	must(tb, err)
	return a.Result.ID
}

// Secret creates a secret as the platform and returns the identifier. The value and the comment
// contain the name.
func (c *Cloudflare) Secret(tb testing.TB, account, storeID, name string, scopes ...string) string {
	tb.Helper()
	defer c.unseen()()
	if len(scopes) == 0 {
		scopes = []string{"workers"}
	}
	comment := "comment of " + name
	a, err := c.Client.CreateSecrets(context.Background(), upstream.CreateSecretsParams{
		Account: account, StoreID: storeID,
		Secrets: []upstream.NewSecret{{Name: name, Value: upstream.Value("value of " + name), Scopes: scopes, Comment: &comment}},
	})
	must(tb, err)
	return a.Result[0].ID
}

// State describes every secret of both accounts, including values, by path. The map also has the
// stores.
func (c *Cloudflare) State(tb testing.TB) map[string]string {
	tb.Helper()
	defer c.unseen()()
	state := map[string]string{}
	for account, accountID := range map[string]string{Main: MainID, Other: OtherID} {
		stores := all(tb, func(p upstream.Paging) (upstream.Answer[[]upstream.Store], error) {
			return c.Client.ListStores(context.Background(), upstream.ListStoresParams{Account: account, Paging: p})
		})
		for _, store := range stores {
			state[account+"/"+store.ID] = store.Name
			secrets := all(tb, func(p upstream.Paging) (upstream.Answer[[]upstream.Secret], error) {
				return c.Client.ListSecrets(context.Background(), upstream.ListSecretsParams{Account: account, StoreID: store.ID, Paging: p})
			})
			for _, s := range secrets {
				value, _ := c.Value(accountID, store.ID, s.Name)
				state[account+"/"+store.ID+"/"+s.ID] = Describe(s.Name, value, s.Comment, s.Scopes)
			}
		}
	}
	return state
}

// Describe describes a secret as text.
func Describe(name, value string, comment *string, scopes []string) string {
	text := "none"
	if comment != nil {
		text = fmt.Sprintf("%q", *comment)
	}
	return fmt.Sprintf("%s=%s comment %s scopes %q", name, value, text, scopes)
}

// all reads a list to its end.
func all[T any](tb testing.TB, read func(upstream.Paging) (upstream.Answer[[]T], error)) []T {
	tb.Helper()
	var list []T
	for page := 1; ; page++ {
		a, err := read(upstream.Paging{Page: page, PerPage: 100})
		must(tb, err)
		list = append(list, a.Result...)
		if len(a.Result) < 100 {
			return list
		}
	}
}

// unseen hides the platform's requests from Seen.
func (c *Cloudflare) unseen() func() {
	before := c.Seen()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.seen = before
	}
}
