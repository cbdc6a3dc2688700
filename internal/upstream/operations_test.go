package upstream_test

import (
	"context"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/upstream"
)

const (
	storeJSON  = `{"id":"` + storeID + `","name":"default","created":"2023-09-21T18:56:32.624632Z","modified":"2023-09-22T18:56:32.624632Z","account_id":"` + accountID + `"}`
	secretJSON = `{"id":"` + secretID + `","store_id":"` + storeID + `","name":"MY_KEY","comment":null,"scopes":["ai_gateway","workers"],"created":"2023-09-21T18:56:32.624632Z","modified":"2023-09-21T18:56:32.624632Z","status":"active"}`
	root       = "/client/v4/accounts/" + accountID + "/secrets_store"
)

var (
	created = time.Date(2023, 9, 21, 18, 56, 32, 624632000, time.UTC)
	store   = upstream.Store{ID: storeID, Name: "default", AccountID: accountID, Created: created, Modified: created.Add(24 * time.Hour)}
	secret  = upstream.Secret{ID: secretID, StoreID: storeID, Name: "MY_KEY", Scopes: []string{"ai_gateway", "workers"}, Created: created, Modified: created, Status: "active"}
)

// secretNamed is secretJSON under another identifier and name.
func secretNamed(id, name string) string {
	return strings.NewReplacer(secretID, id, "MY_KEY", name).Replace(secretJSON)
}

func aSecret(id, name string) upstream.Secret {
	s := secret
	s.ID, s.Name = id, name
	return s
}

func success(result string) string {
	return `{"result":` + result + `,"success":true,"errors":[],"messages":[]}`
}

// operations has each form of each operation once.
var operations = []struct {
	name   string
	call   func(context.Context, *upstream.Client) (any, error)
	method string
	target string
	body   string
	answer string
	want   any
}{
	{
		"CreateStore sends an object",
		func(ctx context.Context, c *upstream.Client) (any, error) {
			a, err := c.CreateStore(ctx, upstream.CreateStoreParams{Account: "main", Name: "default"})
			return a.Result, err
		},
		"POST", root + "/stores", `{"name":"default"}`, success(storeJSON), store,
	},
	{
		"ListStores sends no parameter that is not set",
		func(ctx context.Context, c *upstream.Client) (any, error) {
			a, err := c.ListStores(ctx, upstream.ListStoresParams{Account: accountID})
			return a.Result, err
		},
		"GET", root + "/stores", "", success("[" + storeJSON + "]"), []upstream.Store{store},
	},
	{
		"ListStores sends every parameter that is set, and at most 100 a page",
		func(ctx context.Context, c *upstream.Client) (any, error) {
			a, err := c.ListStores(ctx, upstream.ListStoresParams{Account: "main", Paging: upstream.Paging{
				Page: 2, PerPage: 1000, Order: "name", Direction: "asc",
			}})
			return a.Result, err
		},
		"GET", root + "/stores?page=2&per_page=100&order=name&direction=asc", "", success("[]"), []upstream.Store{},
	},
	{
		"GetStore",
		func(ctx context.Context, c *upstream.Client) (any, error) {
			a, err := c.GetStore(ctx, upstream.StoreParams{Account: "main", StoreID: storeID})
			return a.Result, err
		},
		"GET", root + "/stores/" + storeID, "", success(storeJSON), store,
	},
	{
		"DeleteStore without force",
		func(ctx context.Context, c *upstream.Client) (any, error) {
			a, err := c.DeleteStore(ctx, upstream.DeleteStoreParams{Account: "main", StoreID: storeID})
			return a.Result, err
		},
		"DELETE", root + "/stores/" + storeID, "", success("null"), upstream.None{},
	},
	{
		"DeleteStore with force takes the older answer",
		func(ctx context.Context, c *upstream.Client) (any, error) {
			a, err := c.DeleteStore(ctx, upstream.DeleteStoreParams{Account: "main", StoreID: storeID, Force: true})
			return a.Result, err
		},
		"DELETE", root + "/stores/" + storeID + "?force=true", "", success(storeJSON), upstream.None{},
	},
	{
		"CreateSecrets sends an array and leaves an absent comment out",
		func(ctx context.Context, c *upstream.Client) (any, error) {
			a, err := c.CreateSecrets(ctx, upstream.CreateSecretsParams{Account: "main", StoreID: storeID, Secrets: []upstream.NewSecret{
				{Name: "A", Value: "<\"&\n>", Scopes: []string{"workers"}},
				{Name: "B", Value: "v", Comment: text("")},
			}})
			return a.Result, err
		},
		"POST", root + "/stores/" + storeID + "/secrets",
		`[{"name":"A","value":"<\"&\n>","scopes":["workers"]},{"name":"B","value":"v","scopes":[],"comment":""}]`,
		success("[" + secretNamed(secretID, "A") + "," + secretNamed(otherID, "B") + "]"), []upstream.Secret{aSecret(secretID, "A"), aSecret(otherID, "B")},
	},
	{
		"ListSecrets joins scopes with commas and escapes the rest",
		func(ctx context.Context, c *upstream.Client) (any, error) {
			a, err := c.ListSecrets(ctx, upstream.ListSecretsParams{
				Account: "main", StoreID: storeID, Search: "a&b=c", Scopes: []string{"workers", "a,b"},
			})
			return a.Result, err
		},
		"GET", root + "/stores/" + storeID + "/secrets?search=a%26b%3Dc&scopes=workers,a%2Cb", "",
		success("[" + secretJSON + "]"), []upstream.Secret{secret},
	},
	{
		"GetSecret",
		func(ctx context.Context, c *upstream.Client) (any, error) {
			a, err := c.GetSecret(ctx, upstream.SecretParams{Account: "main", StoreID: storeID, SecretID: secretID})
			return a.Result, err
		},
		"GET", root + "/stores/" + storeID + "/secrets/" + secretID, "", success(secretJSON), secret,
	},
	{
		"DeleteSecret",
		func(ctx context.Context, c *upstream.Client) (any, error) {
			a, err := c.DeleteSecret(ctx, upstream.SecretParams{Account: "main", StoreID: storeID, SecretID: secretID})
			return a.Result, err
		},
		"DELETE", root + "/stores/" + storeID + "/secrets/" + secretID, "", success("null"), upstream.None{},
	},
	{
		"DeleteSecrets sends the identifiers",
		func(ctx context.Context, c *upstream.Client) (any, error) {
			a, err := c.DeleteSecrets(ctx, upstream.DeleteSecretsParams{Account: "main", StoreID: storeID, IDs: []string{secretID, storeID}})
			return a.Result, err
		},
		"DELETE", root + "/stores/" + storeID + "/secrets", `{"ids":["` + secretID + `","` + storeID + `"]}`,
		success("null"), upstream.None{},
	},
	{
		"DuplicateSecret",
		func(ctx context.Context, c *upstream.Client) (any, error) {
			a, err := c.DuplicateSecret(ctx, upstream.DuplicateSecretParams{
				Account: "main", StoreID: storeID, SecretID: secretID, Name: "B", Scopes: []string{"dex"}, Comment: text("c"),
			})
			return a.Result, err
		},
		"POST", root + "/stores/" + storeID + "/secrets/" + secretID + "/duplicate",
		`{"name":"B","scopes":["dex"],"comment":"c"}`, success(secretNamed(otherID, "B")), aSecret(otherID, "B"),
	},
	{
		"Quota takes numbers in any notation",
		func(ctx context.Context, c *upstream.Client) (any, error) {
			a, err := c.Quota(ctx, "main")
			return a.Result, err
		},
		"GET", root + "/quota", "", success(`{"secrets":{"quota":100.0,"usage":1e1}}`),
		upstream.Quota{Secrets: upstream.QuotaUsage{Quota: 100, Usage: 10}},
	},
}

func TestOperationsOnTheWire(t *testing.T) {
	for _, tt := range operations {
		t.Run(tt.name, func(t *testing.T) {
			client, w := serve(t, says(http.StatusOK, tt.answer))
			got, err := tt.call(within(t), client)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("result = %+v, want %+v", got, tt.want)
			}
			sent := w.seen()[0]
			if sent.method != tt.method || sent.target != tt.target || sent.body != tt.body {
				t.Errorf("sent %s %s %s\nwant %s %s %s", sent.method, sent.target, sent.body, tt.method, tt.target, tt.body)
			}
			checkHeaders(t, sent)
			checkAttempt(t, w, strings.Fields(tt.name)[0])
		})
	}
}

// checkHeaders compares the header names with the permitted names.
func checkHeaders(t *testing.T, sent request) {
	t.Helper()
	want := []string{"Accept", "Authorization", "User-Agent"}
	switch {
	case sent.body != "":
		want = []string{"Accept", "Authorization", "Content-Length", "Content-Type", "User-Agent"}
	case sent.method == http.MethodPost:
		t.Errorf("a POST has no body")
	}
	if got := slices.Sorted(maps.Keys(sent.header)); !slices.Equal(got, want) {
		t.Errorf("headers = %v, want %v", got, want)
	}
	if got := sent.header.Get("Authorization"); got != "Bearer "+token {
		t.Errorf("Authorization = %q", got)
	}
}

func checkAttempt(t *testing.T, w *witness, operation string) {
	t.Helper()
	if len(w.attempts) != 1 {
		t.Fatalf("observed %d attempts, want 1", len(w.attempts))
	}
	a := w.attempts[0]
	if a.Operation != operation || a.Account != accountID || a.Status != 200 || a.Ray != ray || a.Err != nil || a.Duration <= 0 {
		t.Errorf("attempt = %+v", a)
	}
}

func TestUpdateKeepsAbsentNullAndEmptyApart(t *testing.T) {
	newValue := upstream.Value("v2")
	tests := map[string]struct {
		change upstream.UpdateSecretParams
		body   string
	}{
		"the value alone":        {upstream.UpdateSecretParams{Value: &newValue}, `{"value":"v2"}`},
		"the scopes alone":       {upstream.UpdateSecretParams{Scopes: []string{"dex"}}, `{"scopes":["dex"]}`},
		"no scopes":              {upstream.UpdateSecretParams{Scopes: []string{}}, `{"scopes":[]}`},
		"a comment":              {upstream.UpdateSecretParams{Comment: upstream.CommentChange{Change: true, Text: text("c")}}, `{"comment":"c"}`},
		"an empty comment":       {upstream.UpdateSecretParams{Comment: upstream.CommentChange{Change: true, Text: text("")}}, `{"comment":""}`},
		"a comment that goes":    {upstream.UpdateSecretParams{Comment: upstream.CommentChange{Change: true}}, `{"comment":null}`},
		"all of it, in an order": {upstream.UpdateSecretParams{Value: &newValue, Scopes: []string{"dex"}, Comment: upstream.CommentChange{Change: true}}, `{"value":"v2","scopes":["dex"],"comment":null}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client, w := serve(t, says(http.StatusOK, success(secretJSON)))
			tt.change.Account, tt.change.StoreID, tt.change.SecretID = "main", storeID, secretID
			if _, err := client.UpdateSecret(within(t), tt.change); err != nil {
				t.Fatal(err)
			}
			sent := w.seen()[0]
			if sent.method != http.MethodPatch || sent.body != tt.body {
				t.Errorf("sent %s %s, want PATCH %s", sent.method, sent.body, tt.body)
			}
			checkHeaders(t, sent)
		})
	}
}

// Metrics count by these names, so that none may be missing and none is only
// there for show.
func TestOperationsListsWhatAttemptsTell(t *testing.T) {
	told := map[string]bool{}
	for _, tt := range operations {
		client, w := serve(t, says(http.StatusOK, tt.answer))
		if _, err := tt.call(within(t), client); err != nil {
			t.Fatal(err)
		}
		told[w.attempts[0].Operation] = true
	}
	client, w := serve(t, func(w http.ResponseWriter, r *http.Request) {
		result := `{"id":"x","status":"active"}`
		if r.Method == http.MethodPatch {
			result = secretJSON
		}
		says(http.StatusOK, success(result))(w, r)
	})
	_, err := client.VerifyToken(within(t), "main")
	_, errUpdate := updateTo(within(t), client, value)
	if err != nil || errUpdate != nil {
		t.Fatal(err, errUpdate)
	}
	for _, a := range w.attempts {
		told[a.Operation] = true
	}
	if got, want := slices.Sorted(slices.Values(upstream.Operations())), slices.Sorted(maps.Keys(told)); !slices.Equal(got, want) {
		t.Errorf("Operations = %q, attempts tell %q", got, want)
	}
}
