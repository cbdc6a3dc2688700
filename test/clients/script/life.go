package script

import (
	"slices"
	"strings"
)

// Identifiers that no side has.
const (
	UnknownID      = "0123456789abcdef0123456789abcdef"
	dashedID       = "01234567-89ab-4def-8123-456789abcdef"
	unknownAccount = "ffffffffffffffffffffffffffffffff"
)

// hard is a text that JSON writers treat differently.
const hard = "<a href='x'>&amp;</a> \"q\" \\ / \t\r\n\u0001\u007f \u2028\u2029 \u00e9 \u4f60 \U0001f511"

// Life is the whole lifecycle of stores and secrets, invalid input included. It
// needs a limit of three stores, and secrets that are active at once.
func Life() []Step {
	return slices.Concat(identity(), stores(), created(), refusedSecrets(), listed(), refusedLists(), edited(), duplicated(), deleted(), strangers())
}

// identity makes the calls of clients at their start.
func identity() []Step {
	return []Step{
		{Name: "verify the token of the user", Call: Call{Op: VerifyUserToken}, Status: 200, Word: `"status":"active"`},
		{Name: "verify the token of the account", Call: Call{Op: VerifyAccountToken}, Status: 200, Word: `"status":"active"`},
		{Name: "show the user", Call: Call{Op: ShowUser}, Status: 200, Word: `"email":`},
		{Name: "list all accounts", Call: Call{Op: ListAccounts, List: List{All: true}}, Status: 200},
		{Name: "list one page of accounts", Call: Call{Op: ListAccounts, List: List{Page: new(int64(1)), PerPage: new(int64(5))}}, Status: 200, Word: `"total_count":1`},
		{Name: "list all memberships", Call: Call{Op: ListMemberships, List: List{All: true}}, Status: 200},
		{Name: "quota of an empty account", Call: Call{Op: ShowQuota}, Status: 200, Word: `"usage":0`},
	}
}

func named(name string) Fields { return Fields{Name: &name} }

func stores() []Step {
	create := func(f Fields) Call { return Call{Op: CreateStore, Fields: f} }
	list := func(l List) Call { return Call{Op: ListStores, List: l} }
	return []Step{
		{Name: "list no stores", Call: list(List{}), Status: 200, Word: `"result":[]`},
		{Name: "create a store", Call: create(named("default_secrets_store")), Save: []string{"store"}, Status: 200},
		{Name: "create a store whose name is in use", Call: create(named("default_secrets_store")), Status: 400, Word: "store_name_already_exists"},
		{Name: "create a store with a hard name", Call: create(named(hard)), Save: []string{"hard"}, Status: 200},
		{Name: "create a store with an empty name", Call: create(named("")), Status: 400, Word: "store_name_empty"},
		{Name: "create a store without a name", Call: create(Fields{}), Status: 400, Word: "store_name_empty"},
		{Name: "create a store with 257 characters", Call: create(named(strings.Repeat("\u00e9", 257))), Status: 400, Word: "store_name_too_long"},
		{Name: "create a store with 256 characters", Call: create(named(strings.Repeat("\u00e9", 256))), Save: []string{"long"}, Status: 200},
		{Name: "create a store too many", Call: create(named("one-too-many")), Status: 400, Word: "maximum_stores_exceeded"},
		{Name: "show a store", Call: Call{Op: ShowStore, Store: "$store"}, Status: 200},
		{Name: "show an unknown store", Call: Call{Op: ShowStore, Store: UnknownID}, Status: 404, Word: "store_not_found"},
		{Name: "show a store by a dashed id", Call: Call{Op: ShowStore, Store: dashedID}, Status: 404, Word: "store_not_found"},
		{Name: "list all stores", Call: list(List{All: true}), Status: 200, Word: `"result":[]`},
		{Name: "list all stores, one a page", Call: list(List{All: true, PerPage: new(int64(1)), Page: new(int64(1))}), Status: 200, Word: `"result":[]`},
		{Name: "list stores by name", Call: list(List{Order: "name", Direction: "asc"}), Status: 200, Word: `"count":3`},
		{Name: "list stores by change, latest first", Call: list(List{Order: "modified", Direction: "desc"}), Status: 200, Word: `"count":3`},
		{Name: "list a page of stores past the end", Call: list(List{Page: new(int64(9))}), Status: 200, Word: `"result":[]`},
		{Name: "list 1000 stores a page", Call: list(List{PerPage: new(int64(1000))}), Status: 200, Word: `"per_page":100`},
		{Name: "list stores in an unknown order", Call: list(List{Order: "size"}), Status: 400, Word: "order_invalid"},
		{Name: "list stores with four mistakes", Call: list(List{Order: "size", Direction: "up", Page: new(int64(-1)), PerPage: new(int64(-1))}), Status: 400, Word: "direction_invalid"},
		{Name: "delete an empty store", Call: Call{Op: DeleteStore, Store: "$long"}, Status: 200, Word: `"result":null`},
		{Name: "delete it again", Call: Call{Op: DeleteStore, Store: "$long"}, Status: 404, Word: "store_not_found"},
		{Name: "show the deleted store", Call: Call{Op: ShowStore, Store: "$long"}, Status: 404, Word: "store_not_found"},
	}
}
