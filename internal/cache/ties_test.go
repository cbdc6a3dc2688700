package cache_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/upstream"
)

// twins is a Cloudflare that makes secrets at the same moment.
type twins struct {
	*upstream.Client
	list   []upstream.Secret
	listed int
}

func (c *twins) ListSecrets(_ context.Context, p upstream.ListSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	c.listed++
	if p.Direction == "asc" {
		return upstream.Answer[[]upstream.Secret]{Result: c.list[:1], Info: &upstream.ResultInfo{TotalCount: len(c.list)}}, nil
	}
	return upstream.Answer[[]upstream.Secret]{Result: slices.Clone(c.list)}, nil
}

func (c *twins) UpdateSecret(_ context.Context, p upstream.UpdateSecretParams) (upstream.Answer[upstream.Secret], error) {
	s := c.list[0]
	s.Scopes = p.Scopes
	return upstream.Answer[upstream.Secret]{Result: s}, nil
}

func TestSecretsOfTheSameMoment(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cloud := &twins{Client: w.direct}
	for i, name := range []string{"C", "A", "B", "D"} {
		cloud.list = append(cloud.list, upstream.Secret{ID: fmt.Sprintf("%032x", i), Name: name, Created: at, Modified: at, Scopes: []string{"dex"}})
	}
	client, _ := w.cache(func(c *cache.Config) { c.Reader = cloud })
	page := func(p upstream.Paging, want string, listed int) {
		t.Helper()
		before := cloud.listed
		a, err := client.ListSecrets(t.Context(), upstream.ListSecretsParams{Account: account, StoreID: noSuchID, Paging: p})
		must(t, err)
		got := []string{}
		for _, s := range a.Result {
			got = append(got, s.Name)
		}
		if fmt.Sprint(got) != want || cloud.listed-before != listed {
			t.Errorf("%+v: got %v with %d listings, want %s with %d", p, got, cloud.listed-before, want, listed)
		}
	}
	page(upstream.Paging{PerPage: 2}, "[C A]", 1)
	page(upstream.Paging{PerPage: 2, Page: 2}, "[B D]", 0)
	page(upstream.Paging{PerPage: 2, Direction: "asc"}, "[C]", 1)
	page(upstream.Paging{Direction: "asc"}, "[C A B D]", 0)

	// A change that does not show in the time of change is believed.
	_, err := client.UpdateSecret(t.Context(), upstream.UpdateSecretParams{Account: account, StoreID: noSuchID, SecretID: cloud.list[0].ID, Scopes: []string{"access"}})
	must(t, err)
	a, err := client.GetSecret(t.Context(), secret(noSuchID, cloud.list[0].ID))
	must(t, err)
	if a.Result.Scopes[0] != "access" {
		t.Errorf("got %v", a.Result.Scopes)
	}
}
