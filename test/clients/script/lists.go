package script

import "strings"

func listSecrets(l List) Call { return Call{Op: ListSecrets, Store: "$store", List: l} }

func listed() []Step {
	steps := []Step{
		{Name: "list all secrets", Call: listSecrets(List{All: true}), Status: 200, Word: `"result":[]`},
		{Name: "list all secrets, three a page", Call: listSecrets(List{All: true, PerPage: new(int64(3)), Page: new(int64(1))}), Status: 200, Word: `"result":[]`},
		{Name: "list the second page", Call: listSecrets(List{PerPage: new(int64(4)), Page: new(int64(2))}), Status: 200, Word: `"total_pages":3`},
		{Name: "list page 0", Call: listSecrets(List{Page: new(int64(0))}), Status: 200, Word: `"page":1`},
		{Name: "list 0 a page", Call: listSecrets(List{PerPage: new(int64(0))}), Status: 200, Word: `"per_page":20`},
		{Name: "list 1000 a page", Call: listSecrets(List{PerPage: new(int64(1000))}), Status: 200, Word: `"per_page":100`},
		{Name: "list a page past the end", Call: listSecrets(List{Page: new(int64(99))}), Status: 200, Word: `"count":0`},
		{Name: "list the last page that can be named", Call: listSecrets(List{Page: new(int64(2147483647)), PerPage: new(int64(2147483647))}), Status: 200, Word: `"count":0`},
	}
	for _, order := range []string{"name", "comment", "created", "modified", "status"} {
		for _, direction := range []string{"", "asc", "desc"} {
			steps = append(steps, Step{Name: "list by " + order + " " + direction, Call: listSecrets(List{Order: order, Direction: direction}), Status: 200, Word: `"total_count":10`})
		}
	}
	for _, text := range []string{"B-", "b_2", "payments", "PAYMENTS", "<", "100%", "a+b &c=d", "\u4f60", "no such"} {
		steps = append(steps, Step{Name: "search for " + text, Call: listSecrets(List{Search: text}), Status: 200})
	}
	for _, scopes := range [][]string{{"dex"}, {"dex", "ai_gateway"}, {"dex", "dex"}} {
		steps = append(steps, Step{Name: "list with scopes " + strings.Join(scopes, " "), Call: listSecrets(List{Scopes: scopes}), Status: 200})
	}
	return append(steps,
		Step{Name: "list all with everything at once", Call: listSecrets(List{All: true, Page: new(int64(1)), PerPage: new(int64(1)), Order: "name", Direction: "asc", Search: "b", Scopes: []string{"workers", "dex", "access"}}), Status: 200, Word: `"result":[]`})
}

func refusedLists() []Step {
	return []Step{
		{Name: "list in an unknown order", Call: listSecrets(List{Order: "value"}), Status: 400, Word: "order_invalid"},
		{Name: "list in an unknown direction", Call: listSecrets(List{Direction: "up"}), Status: 400, Word: "direction_invalid"},
		{Name: "list page -1", Call: listSecrets(List{Page: new(int64(-1))}), Status: 400, Word: "page_invalid"},
		{Name: "list -1 a page", Call: listSecrets(List{PerPage: new(int64(-1))}), Status: 400, Word: "per_page_invalid"},
		{Name: "list with an unknown scope", Call: listSecrets(List{Scopes: []string{"pages"}}), Status: 200, Word: `"result":[]`},
		{Name: "list with four mistakes", Call: listSecrets(List{Page: new(int64(-1)), PerPage: new(int64(-7)), Order: "x", Direction: "y"}), Status: 400, Word: "per_page_invalid"},
		{Name: "list the secrets of an unknown store", Call: Call{Op: ListSecrets, Store: UnknownID}, Status: 404, Word: "store_not_found"},
		{Name: "list the secrets of a store by a dashed id", Call: Call{Op: ListSecrets, Store: dashedID}, Status: 404, Word: "store_not_found"},
		{Name: "show a secret", Call: Call{Op: ShowSecret, Store: "$store", Secret: "$commented"}, Status: 200, Word: "COMMENTED"},
		{Name: "show an unknown secret", Call: Call{Op: ShowSecret, Store: "$store", Secret: UnknownID}, Status: 404, Word: "secret_not_found"},
		{Name: "show a secret by a dashed id", Call: Call{Op: ShowSecret, Store: "$store", Secret: dashedID}, Status: 404, Word: "secret_not_found"},
		{Name: "show a secret in an unknown store", Call: Call{Op: ShowSecret, Store: UnknownID, Secret: "$commented"}, Status: 404, Word: "store_not_found"},
		{Name: "show a secret in the wrong store", Call: Call{Op: ShowSecret, Store: "$hard", Secret: "$commented"}, Status: 404, Word: "secret_not_found"},
		{Name: "show a secret without an id", Call: Call{Op: ShowSecret, Store: "$store"}, Local: true, Status: 404,
			Differs: noIdentifier, Through: Answer{404, `"code":7000`}},
	}
}
