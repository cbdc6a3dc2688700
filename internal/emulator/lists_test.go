package emulator_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// shelf makes a store with four secrets, a second apart, and returns the path of its list. Only the last two
// are still pending.
func shelf(t *testing.T, a *api) string {
	t.Helper()
	list := "stores/" + a.store("s") + "/secrets"
	var first string
	for i, item := range []string{
		`{"name":"delta","value":"v","scopes":["workers","dex"],"comment":"Zoo"}`,
		`{"name":"alpha","value":"v","scopes":["workers"]}`,
		`{"name":"Charlie","value":"v","scopes":["access"],"comment":"for DELTA"}`,
		`{"name":"bravo","value":"v","scopes":["dex"],"comment":""}`,
	} {
		a.clock.move(300 * time.Millisecond)
		made := a.must("POST", list, "["+item+"]")
		if i == 0 {
			first = made.id(t)
		}
	}
	a.must("PATCH", list+"/"+first, `{"value":"w"}`)
	return list
}

func TestListsOfSecrets(t *testing.T) {
	cases := []struct{ name, query, want string }{
		{"newest first", "", "bravo Charlie alpha delta"},
		{"oldest first", "?direction=asc", "delta alpha Charlie bravo"},
		{"by creation", "?order=created&direction=desc", "bravo Charlie alpha delta"},
		{"by name", "?order=name&direction=asc", "Charlie alpha bravo delta"},
		{"by name, downwards", "?order=name", "delta bravo alpha Charlie"},
		{"by comment, none before empty", "?order=comment&direction=asc", "alpha bravo delta Charlie"},
		{"by change", "?order=modified", "delta bravo Charlie alpha"},
		{"by status, the newest first in each", "?order=status&direction=asc", "alpha delta bravo Charlie"},
		{"empty order and direction", "?order=&direction=", "bravo Charlie alpha delta"},
		{"unknown keys", "?colour=red&page[]=7", "bravo Charlie alpha delta"},
		{"search in names and comments, in any case", "?search=DeLtA", "Charlie delta"},
		{"search with a plus", "?search=for+delta", "Charlie"},
		{"search with a percent", "?search=for%20delta", "Charlie"},
		{"search for nothing that is", "?search=%25", ""},
		{"one scope", "?scopes=dex", "bravo delta"},
		{"any of two scopes, repeated", "?scopes=access&scopes=dex", "bravo Charlie delta"},
		{"any of two scopes, with a comma", "?scopes=access,dex", "bravo Charlie delta"},
		{"a scope that does not exist", "?scopes=moon", ""},
		{"no scope", "?scopes=", "bravo Charlie alpha delta"},
		{"search and scope", "?scopes=dex&search=delta", "delta"},
	}
	a := start(t, noLimits())
	list := shelf(t, a)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := a.must("GET", list+c.query, "").names(t); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestSecretsWithoutACommentStayInOrder(t *testing.T) {
	a := start(t, noLimits())
	list := "stores/" + a.store("s") + "/secrets"
	for _, name := range []string{"a", "b"} {
		a.must("POST", list, `[{"name":"`+name+`","value":"v","scopes":["dex"]}]`)
	}
	a.must("POST", list, `[{"name":"c","value":"v","scopes":["dex"],"comment":"c"}]`)
	for query, want := range map[string]string{"asc": "b a c", "desc": "c b a"} {
		if got := a.must("GET", list+"?order=comment&direction="+query, "").names(t); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

func TestPages(t *testing.T) {
	cases := []struct{ name, query, want, info string }{
		{"the first", "?per_page=3&page=1", "bravo Charlie alpha", "3,1,3,4,2"},
		{"page 0 is the first", "?per_page=3&page=0", "bravo Charlie alpha", "3,1,3,4,2"},
		{"the last", "?per_page=3&page=2", "delta", "1,2,3,4,2"},
		{"past the end", "?per_page=3&page=3", "", "0,3,3,4,2"},
		{"far past the end", "?per_page=100&page=2147483647", "", "0,2147483647,100,4,1"},
		{"exactly full", "?per_page=2&page=2", "alpha delta", "2,2,2,4,2"},
		{"exactly past", "?per_page=2&page=3", "", "0,3,2,4,2"},
		{"size 0 is the default", "?per_page=0", "bravo Charlie alpha delta", "4,1,20,4,1"},
		{"too large a page is cut", "?per_page=101", "bravo Charlie alpha delta", "4,1,100,4,1"},
		{"what is filtered is not counted", "?scopes=dex&per_page=1&page=2", "delta", "1,2,1,2,2"},
		{"nothing", "?search=nothing", "", "0,1,20,0,0"},
	}
	a := start(t, noLimits())
	list := shelf(t, a)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := a.must("GET", list+c.query, "")
			var n [5]any
			for i, s := range strings.Split(c.info, ",") {
				n[i] = s
			}
			info := fmt.Sprintf(`"result_info":{"count":%s,"page":%s,"per_page":%s,"total_count":%s,"total_pages":%s}}`, n[:]...)
			if names := got.names(t); names != c.want || !strings.HasSuffix(got.body, info) {
				t.Errorf("got %q, want %q; %s does not end with %s", names, c.want, got.body, info)
			}
		})
	}
}

func TestListsOfStores(t *testing.T) {
	a := start(t, noLimits())
	for _, name := range []string{"b", "c", "a"} {
		a.store(name)
	}
	for query, want := range map[string]string{
		"":                              "a c b",
		"?direction=asc":                "b c a",
		"?order=name":                   "c b a",
		"?order=name&direction=asc":     "a b c",
		"?order=modified&direction=asc": "b c a",
		"?per_page=1&page=2":            "c",
	} {
		if got := a.must("GET", "stores"+query, "").names(t); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}
