package script

import (
	"strings"
)

func edit(f Fields) Call {
	return Call{Op: EditSecret, Store: "$store", Secret: "$commented", Fields: f}
}

func edited() []Step {
	return []Step{
		{Name: "edit the value", Call: edit(Fields{Value: new("another value")}), Status: 200, Word: "payments"},
		{Name: "edit the comment", Call: edit(Fields{Comment: new(hard)}), Status: 200},
		{Name: "edit the comment to be empty", Call: edit(Fields{Comment: new("")}), Status: 200, Word: `"comment":""`},
		{Name: "edit the comment away", Call: edit(Fields{NullComment: true}), Status: 200, Word: `"comment":null`},
		{Name: "edit the scopes", Call: edit(Fields{Scopes: []string{"workers", "access"}}), Status: 200, Word: `["access","workers"]`},
		{Name: "edit everything", Call: edit(Fields{Value: new("v3"), Comment: new("third"), Scopes: []string{"dex"}}), Status: 200, Word: `"comment":"third"`},
		{Name: "edit the value to 65536 bytes", Call: edit(Fields{Value: new(strings.Repeat("v", 65536))}), Status: 200},
		{Name: "list by change after the edits", Call: listSecrets(List{Order: "modified"}), Status: 200, Word: "COMMENTED"},
		{Name: "edit nothing", Call: edit(Fields{}), Status: 400},
		{Name: "edit the value to be empty", Call: edit(Fields{Value: new("")}), Status: 400, Word: "secret_value_empty"},
		{Name: "edit the value to 65537 bytes", Call: edit(Fields{Value: new(strings.Repeat("v", 65537))}), Status: 400, Word: "secret_value_too_long"},
		{Name: "edit the scopes to be empty", Call: edit(Fields{Scopes: []string{}}), Status: 400, Word: "secret_scopes_empty"},
		{Name: "edit in an unknown scope", Call: edit(Fields{Scopes: []string{"pages"}}), Status: 400, Word: "secret_scope_invalid"},
		{Name: "edit with three mistakes", Call: edit(Fields{Value: new(""), Scopes: []string{}, Comment: new(strings.Repeat("c", 65537))}), Status: 400, Word: "secret_comment_too_long", Differs: shorter, Through: Answer{400, "secret_comment_too_long"}},
		{Name: "edit an unknown secret", Call: Call{Op: EditSecret, Store: "$store", Secret: UnknownID, Fields: Fields{Value: new("v")}}, Status: 404, Word: "secret_not_found"},
		{Name: "edit an unknown secret wrongly", Call: Call{Op: EditSecret, Store: "$store", Secret: UnknownID, Fields: Fields{Value: new("")}}, Status: 400, Word: "secret_value_empty"},
		{Name: "edit in an unknown store", Call: Call{Op: EditSecret, Store: dashedID, Secret: "$commented", Fields: Fields{Value: new("v")}}, Status: 404, Word: "store_not_found"},
		{Name: "the secret after the edits", Call: Call{Op: ShowSecret, Store: "$store", Secret: "$commented"}, Status: 200, Word: `"comment":"third"`},
	}
}

func duplicate(f Fields) Call {
	return Call{Op: DuplicateSecret, Store: "$store", Secret: "$plain", Fields: f}
}

func duplicated() []Step {
	to := func(name string, scopes ...string) Fields { return Fields{Name: &name, Scopes: scopes} }
	return []Step{
		{Name: "duplicate a secret", Call: duplicate(to("COPY", "workers")), Save: []string{"copy"}, Status: 200, Word: `"comment":null`},
		{Name: "duplicate a secret with a comment", Call: duplicate(to("COPY_2", "dex", "access").comment("second")), Save: []string{"copy2"}, Status: 200, Word: `"comment":"second"`},
		{Name: "duplicate a secret with an empty comment", Call: duplicate(to("COPY_3", "workers").comment("")), Save: []string{"copy3"}, Status: 200},
		{Name: "duplicate to a name in use", Call: duplicate(to("COMMENTED", "workers")), Status: 400, Word: "secret_name_already_exists: COMMENTED"},
		{Name: "duplicate to its own name", Call: duplicate(to("PLAIN", "workers")), Status: 400, Word: "secret_name_already_exists: PLAIN"},
		{Name: "duplicate without scopes", Call: duplicate(to("COPY_4")), Status: 400, Word: "secret_scopes_empty"},
		{Name: "duplicate with an empty name", Call: duplicate(to("", "workers")), Status: 400, Word: "secret_name_empty"},
		{Name: "duplicate with a wrong name", Call: duplicate(to("a/b", "workers")), Status: 400, Word: "secret_name_invalid"},
		{Name: "duplicate in an unknown scope", Call: duplicate(to("COPY_4", "workers", "pages")), Status: 400, Word: `"/scopes/1"`},
		{Name: "duplicate with three mistakes", Call: duplicate(to("a b", "pages").comment(strings.Repeat("c", 65537))), Status: 400, Word: "secret_comment_too_long", Differs: scopesGrow, Through: Answer{400, "secret_comment_too_long"}},
		{Name: "duplicate with nothing", Call: duplicate(Fields{}), Status: 400, Word: "secret_name_empty"},
		{Name: "duplicate an unknown secret", Call: Call{Op: DuplicateSecret, Store: "$store", Secret: UnknownID, Fields: to("COPY_4", "workers")}, Status: 404, Word: "secret_not_found"},
		{Name: "duplicate in an unknown store", Call: Call{Op: DuplicateSecret, Store: UnknownID, Secret: "$plain", Fields: to("COPY_4", "workers")}, Status: 404, Word: "store_not_found"},
	}
}

func deleted() []Step {
	one := func(id string) Call { return Call{Op: DeleteSecret, Store: "$store", Secret: id} }
	several := func(ids ...string) Call { return Call{Op: DeleteSecrets, Store: "$store", IDs: ids} }
	return []Step{
		{Name: "delete secrets without a body", Call: Call{Op: DeleteSecrets, Store: "$store"}, Status: 400, Word: "invalid_json_body"},
		{Name: "delete an empty list of secrets", Call: Call{Op: DeleteSecrets, Store: "$store", IDs: []string{}}, Status: 400, Word: "invalid_json_body"},
		{Name: "nothing was deleted", Call: Call{Op: ShowQuota}, Status: 200, Word: `"usage":13`},
		{Name: "delete secrets, one of them unknown", Call: several("$one", UnknownID), Status: 404, Word: "secret_not_found"},
		{Name: "the known one is left", Call: Call{Op: ShowSecret, Store: "$store", Secret: "$one"}, Status: 200},
		{Name: "delete secrets in an unknown store", Call: Call{Op: DeleteSecrets, Store: UnknownID, IDs: []string{"$one"}}, Status: 404, Word: "store_not_found"},
		{Name: "delete secrets by a dashed id", Call: several(dashedID), Status: 404, Word: "secret_not_found"},
		{Name: "delete three secrets", Call: several("$one", "$two", "$three"), Status: 202, Word: `"result":null`},
		{Name: "delete them again", Call: several("$one", "$two"), Status: 404, Word: "secret_not_found"},
		{Name: "delete a secret named twice", Call: several("$copy", "$copy"), Status: 202},
		{Name: "show a deleted secret", Call: Call{Op: ShowSecret, Store: "$store", Secret: "$one"}, Status: 404, Word: "secret_not_found"},
		{Name: "delete a secret", Call: one("$plain"), Status: 202, Word: `"result":null`},
		{Name: "delete a secret again", Call: one("$plain"), Status: 404, Word: "secret_not_found"},
		{Name: "delete a secret by a dashed id", Call: one(dashedID), Status: 404, Word: "secret_not_found"},
		{Name: "delete a secret in an unknown store", Call: Call{Op: DeleteSecret, Store: UnknownID, Secret: "$copy2"}, Status: 404, Word: "store_not_found"},
		{Name: "edit a deleted secret", Call: Call{Op: EditSecret, Store: "$store", Secret: "$plain", Fields: Fields{Value: new("v")}}, Status: 404, Word: "secret_not_found"},
		{Name: "take a freed name again", Call: createSecrets(secret("PLAIN")), Status: 200},
		{Name: "delete a store that is not empty", Call: Call{Op: DeleteStore, Store: "$store"}, Status: 409, Word: "store_not_empty"},
		{Name: "delete it with force", Call: Call{Op: DeleteStore, Store: "$store", Force: true}, Status: 200, Word: `"result":null`},
		{Name: "delete it with force again", Call: Call{Op: DeleteStore, Store: "$store", Force: true}, Status: 404, Word: "store_not_found"},
		{Name: "list the secrets of a deleted store", Call: Call{Op: ListSecrets, Store: "$store"}, Status: 404, Word: "store_not_found"},
		{Name: "delete the store with the hard name", Call: Call{Op: DeleteStore, Store: "$hard", Force: true}, Status: 200},
		{Name: "list the stores in the end", Call: Call{Op: ListStores}, Status: 200, Word: `"result":[]`},
		{Name: "quota in the end", Call: Call{Op: ShowQuota}, Status: 200, Word: `"usage":0`},
	}
}

// anyName is why answers to the account of a wrong form differ.
const anyName = "Storekeeper takes names for accounts, so every form could be one, and it refuses all that it does not serve alike"

// strangers are calls with invalid credentials.
func strangers() []Step {
	return []Step{
		{Name: "verify a wrong token", Call: Call{Op: VerifyUserToken, Token: "wrong"}, Status: 401},
		{Name: "list stores with a wrong token", Call: Call{Op: ListStores, Token: "wrong"}, Status: 401, Word: `"code":10000`},
		{Name: "create a store with a wrong token", Call: Call{Op: CreateStore, Token: "wrong", Fields: named("theirs")}, Status: 401, Word: `"code":10000`},
		{Name: "create a wrong secret with a wrong token", Call: Call{Op: CreateSecrets, Token: "wrong", Store: UnknownID, Items: []Fields{{}}}, Status: 401, Word: `"code":10000`},
		{Name: "list accounts with a wrong token", Call: Call{Op: ListAccounts, Token: "wrong"}, Status: 401},
		{Name: "list the stores of another account", Call: Call{Op: ListStores, Account: unknownAccount}, Status: 403, Word: `"code":9109`},
		{Name: "create a store in another account", Call: Call{Op: CreateStore, Account: unknownAccount, Fields: named("theirs")}, Status: 403, Word: `"code":9109`},
		{Name: "verify a token for another account", Call: Call{Op: VerifyAccountToken, Account: unknownAccount}, Status: 403},
		{Name: "list the stores of an account by a dashed id", Call: Call{Op: ListStores, Account: dashedID}, Status: 404, Word: `"code":7003`, Differs: anyName, Through: Answer{403, `"code":9109`}},
		{Name: "nothing was made by strangers", Call: Call{Op: ListStores}, Status: 200, Word: `"result":[]`},
	}
}
