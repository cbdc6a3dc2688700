package script

// Limits reaches Cloudflare's limits. It needs an account with a limit of one
// store and 100 secrets, in which secrets stay pending.
func Limits() []Step {
	return []Step{
		{Name: "create the one store", Call: Call{Op: CreateStore, Fields: named("default_secrets_store")}, Save: []string{"store"}, Status: 200},
		{Name: "create a second store", Call: Call{Op: CreateStore, Fields: named("second")}, Status: 400, Word: "maximum_stores_exceeded"},
		{Name: "create the first store again", Call: Call{Op: CreateStore, Fields: named("default_secrets_store")}, Status: 400, Word: "store_name_already_exists"},
		{Name: "create 100 secrets in one call", Call: createSecrets(many(100)...), Save: []string{"first"}, Status: 200, Word: `"status":"pending"`},
		{Name: "create one more", Call: createSecrets(secret("ONE_MORE")), Status: 400, Word: "maximum_secrets_exceeded: max 100"},
		{Name: "create one whose name is in use", Call: createSecrets(secret("MANY_7")), Status: 400, Word: "secret_name_already_exists: MANY_7"},
		{Name: "duplicate one", Call: Call{Op: DuplicateSecret, Store: "$store", Secret: "$first", Fields: Fields{Name: new("COPY"), Scopes: []string{"workers"}}}, Status: 400, Word: "maximum_secrets_exceeded: max 100"},
		{Name: "quota of a full account", Call: Call{Op: ShowQuota}, Status: 200, Word: `"usage":100`},
		{Name: "list all of a full store", Call: listSecrets(List{All: true}), Status: 200, Word: `"result":[]`},
		{Name: "list all in one page", Call: listSecrets(List{PerPage: new(int64(100))}), Status: 200, Word: `"count":100`},
		{Name: "list all by name, 33 a page", Call: listSecrets(List{All: true, Page: new(int64(1)), PerPage: new(int64(33)), Order: "name", Direction: "asc"}), Status: 200, Word: `"result":[]`},
		{Name: "edit a pending secret", Call: Call{Op: EditSecret, Store: "$store", Secret: "$first", Fields: Fields{Value: new("v2")}}, Status: 200, Word: `"status":"pending"`},
		{Name: "delete one to make room", Call: Call{Op: DeleteSecret, Store: "$store", Secret: "$first"}, Status: 202},
		{Name: "create one in the room", Call: createSecrets(secret("ONE_MORE")), Status: 200},
		{Name: "create two where none fits", Call: createSecrets(secret("X"), secret("Y")), Status: 400, Word: "maximum_secrets_exceeded: max 100"},
		{Name: "delete the full store", Call: Call{Op: DeleteStore, Store: "$store"}, Status: 409, Word: "store_not_empty"},
		{Name: "delete the full store with force", Call: Call{Op: DeleteStore, Store: "$store", Force: true}, Status: 200},
		{Name: "quota afterwards", Call: Call{Op: ShowQuota}, Status: 200, Word: `"usage":0`},
	}
}

// Conflict causes the only answer that every SDK would retry. It leaves no
// objects.
func Conflict() []Step {
	return []Step{
		{Name: "create a store", Call: Call{Op: CreateStore, Fields: named("conflict")}, Save: []string{"store"}, Status: 200},
		{Name: "create a secret", Call: createSecrets(secret("IN_THE_WAY")), Status: 200},
		{Name: "delete the store", Call: Call{Op: DeleteStore, Store: "$store"}, Status: 409, Word: "store_not_empty"},
		{Name: "delete the store with force", Call: Call{Op: DeleteStore, Store: "$store", Force: true}, Status: 200},
	}
}
