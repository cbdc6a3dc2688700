package cache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/upstream"
)

// TestAnswersAreCloudflares makes random reads and compares the answers with Cloudflare. The
// emulator implements one of the possible semantics of Cloudflare. Reads that depend on unknown
// semantics must be forwarded, which TestWhatNobodyKnowsIsHandedOn tests.
func TestAnswersAreCloudflares(t *testing.T) {
	w := newWorld(t)
	r := rand.New(rand.NewPCG(1, 2))
	client, _ := w.cache()
	stores := []string{w.store("one"), w.store("Two"), w.store("t_3"), w.store("t-4")}
	fill(t, w, r, stores)
	before := w.Calls(listSecrets)
	const asks = 600
	for range asks {
		p := randomList(r, stores)
		want, err := w.direct.ListSecrets(t.Context(), p)
		must(t, err)
		got, err := client.ListSecrets(t.Context(), p)
		must(t, err)
		want.Ray, got.Ray = "", ""
		for i := range got.Result {
			got.Result[i].Form = nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v:\n got %+v\nwant %+v", p, got, want)
		}
		compareStores(t, w, client, p.Paging)
	}
	if own := w.Calls(listSecrets) - before - asks; own > asks*2/3 {
		t.Errorf("%d of %d lists were handed on", own, asks)
	}
}

func compareStores(t *testing.T, w *world, client interface {
	ListStores(ctx context.Context, p upstream.ListStoresParams) (upstream.Answer[[]upstream.Store], error)
}, p upstream.Paging) {
	t.Helper()
	if p.Order == "comment" || p.Order == "status" {
		p.Order = ""
	}
	q := upstream.ListStoresParams{Account: account, Paging: p}
	want, err := w.direct.ListStores(t.Context(), q)
	must(t, err)
	got, err := client.ListStores(t.Context(), q)
	must(t, err)
	want.Ray, got.Ray = "", ""
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v:\n got %+v\nwant %+v", q, got, want)
	}
}

func fill(t *testing.T, w *world, r *rand.Rand, stores []string) {
	t.Helper()
	scopes := []string{"access", "ai_gateway", "containers", "dex", "workers"}
	for i, store := range stores {
		var batch []upstream.NewSecret
		for n := range 30 * i {
			s := upstream.NewSecret{Name: fmt.Sprintf("%c%c_%d", 'A'+r.IntN(3), 'B'+r.IntN(3), n), Value: "v"}
			if r.IntN(10) == 0 {
				s.Name = strings.ToLower(s.Name)
			}
			if i == 3 && r.IntN(2) == 0 {
				text := []string{"", "for the shop", "Shop"}[r.IntN(3)]
				s.Comment = &text
			}
			for _, at := range r.Perm(len(scopes))[:1+r.IntN(2)] {
				s.Scopes = append(s.Scopes, scopes[at])
			}
			batch = append(batch, s)
		}
		if batch == nil {
			continue
		}
		w.clock.move(time.Second)
		a, err := w.direct.CreateSecrets(t.Context(), upstream.CreateSecretsParams{Account: account, StoreID: store, Secrets: batch})
		must(t, err)
		for range 10 {
			w.clock.move(time.Millisecond)
			text := "changed"
			_, err := w.direct.UpdateSecret(t.Context(), upstream.UpdateSecretParams{
				Account: account, StoreID: store, SecretID: a.Result[r.IntN(len(a.Result))].ID,
				Comment: upstream.CommentChange{Change: true, Text: &text},
			})
			must(t, err)
		}
	}
}

func randomList(r *rand.Rand, stores []string) upstream.ListSecretsParams {
	one := func(words ...string) string { return words[r.IntN(len(words))] }
	p := upstream.ListSecretsParams{Account: one(account, accountID), StoreID: stores[r.IntN(len(stores))], Paging: upstream.Paging{
		Page: r.IntN(6), PerPage: []int{0, 1, 7, 20, 50, 100, 1000}[r.IntN(7)],
		Order: one("", "", "", "created", "created", "modified", "name", "comment", "status"), Direction: one("", "asc", "desc"),
	}}
	if r.IntN(4) == 0 {
		p.Search = one("A", "a", "AB_1", "B_", "shop", "Shop", "changed", "nothing", "\u00e9", "%", " ", "_1")
	}
	for range max(0, r.IntN(6)-3) {
		p.Scopes = append(p.Scopes, one("access", "dex", "workers", "moon"))
	}
	return p
}

func TestWhatNobodyKnowsIsHandedOn(t *testing.T) {
	text := func(s string) *string { return &s }
	w := newWorld(t)
	store := w.store("s")
	var batch []upstream.NewSecret
	for _, s := range []upstream.NewSecret{
		{Name: "DB_HOST", Scopes: []string{"workers", "dex"}}, {Name: "DB_PORT", Scopes: []string{"workers"}},
		{Name: "API1", Scopes: []string{"workers"}, Comment: text("for Lola")}, {Name: "api2", Scopes: []string{"access"}, Comment: text("of Max")},
	} {
		s.Value = "v"
		batch = append(batch, s)
	}
	_, err := w.direct.CreateSecrets(t.Context(), upstream.CreateSecretsParams{Account: account, StoreID: store, Secrets: batch})
	must(t, err)
	client, _ := w.cache()
	names(t, client, store)
	search := func(s string) upstream.ListSecretsParams { p := all(store); p.Search = s; return p }
	scopes := func(s ...string) upstream.ListSecretsParams { p := all(store); p.Scopes = s; return p }
	order := func(perPage int, by, direction string) upstream.ListSecretsParams {
		p := all(store)
		p.Paging = upstream.Paging{PerPage: perPage, Order: by, Direction: direction}
		return p
	}
	cases := []struct {
		name   string
		p      upstream.ListSecretsParams
		handed int
	}{
		{"a search that case does not change", search("DB_"), 0},
		{"a search in comments", search("Lola"), 0},
		{"a search that case changes", search("api"), 1},
		{"a search for what may be a pattern", search("B%T"), 1},
		{"a search for a text with a space before it", search(" Lola"), 1},
		{"one scope", scopes("dex"), 0},
		{"two scopes of the same secret", scopes("dex", "dex"), 0},
		{"two scopes of which some have one", scopes("workers", "dex"), 1},
		{"a scope that no secret has", scopes("moon"), 1},
		{"names in different case", order(100, "name", "asc"), 1},
		{"no comment beside comments", order(100, "comment", "asc"), 1},
		{"equal statuses on one page", order(100, "status", "asc"), 0},
		{"equal statuses on two pages", order(3, "status", "asc"), 1},
		{"creation, backwards", order(3, "created", "asc"), 0},
		{"change", order(3, "modified", "desc"), 0},
		{"a field that is not known", order(3, "colour", "desc"), 1},
		{"a direction that is not known", order(3, "name", "up"), 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			names(t, client, store)
			w.costs(listSecrets, c.handed, func() {
				// Invalid words are refused by Cloudflare.
				_, _ = client.ListSecrets(t.Context(), c.p)
			})
		})
	}
}
