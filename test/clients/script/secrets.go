package script

import (
	"strconv"
	"strings"
)

// secret returns a valid secret without a comment; scopes default to workers.
func secret(name string, scopes ...string) Fields {
	if len(scopes) == 0 {
		scopes = []string{"workers"}
	}
	return Fields{Name: &name, Value: new("value of " + name), Scopes: scopes}
}

func (f Fields) comment(text string) Fields {
	f.Comment = &text
	return f
}

func (f Fields) value(text string) Fields {
	f.Value = &text
	return f
}

// Why some answers differ on purpose.
const (
	// shorter is why answers to a long comment differ.
	shorter    = "Storekeeper takes comments up to 16 KiB, so that the answer to a batch fits into what gRPC clients receive; Cloudflare publishes no limit"
	scopesGrow = "Storekeeper leaves it to Cloudflare to judge scopes, which it does not ask before the rest is right"
	wrongFirst = "Storekeeper refuses what is wrong before it spends a call to learn whether the store exists"
)

func createSecrets(items ...Fields) Call {
	return Call{Op: CreateSecrets, Store: "$store", Items: items}
}

func created() []Step {
	return []Step{
		{Name: "list the secrets of an empty store", Call: Call{Op: ListSecrets, Store: "$store"}, Status: 200, Word: `"result":[]`},
		{Name: "create a secret without a comment", Call: createSecrets(secret("PLAIN")), Save: []string{"plain"}, Status: 200, Word: `"comment":null`},
		{Name: "create a secret with a comment", Call: createSecrets(secret("COMMENTED", "workers", "ai_gateway").comment("for the <payments> & \"refunds\"")), Save: []string{"commented"}, Status: 200},
		{Name: "create a secret with an empty comment", Call: createSecrets(secret("blank").comment("")), Save: []string{"blank"}, Status: 200, Word: `"comment":""`},
		{Name: "create a secret with a hard comment", Call: createSecrets(secret("HARD").comment(hard).value(hard)), Save: []string{"hardsecret"}, Status: 200},
		{Name: "create three secrets in one call", Call: createSecrets(secret("B-1", "dex"), secret("b_2", "websearch", "access"), secret("B-3", "containers")), Save: []string{"one", "two", "three"}, Status: 200},
		{Name: "create a secret with all scopes, unsorted and twice", Call: createSecrets(secret("SCOPED", "workers", "dex", "access", "websearch", "ai_gateway", "containers", "dex")), Save: []string{"scoped"}, Status: 200, Word: `"scopes":["access","ai_gateway","containers","dex","websearch","workers"]`},
		{Name: "create a secret of 65536 bytes", Call: createSecrets(secret("LARGE").value(strings.Repeat("\u00e9", 32768))), Save: []string{"large"}, Status: 200},
		{Name: "create a secret with a name of 256 characters", Call: createSecrets(secret(strings.Repeat("n", 256))), Save: []string{"longname"}, Status: 200},
		{Name: "quota of an account in use", Call: Call{Op: ShowQuota}, Status: 200, Word: `"usage":10`},
	}
}

// many makes n good secrets.
func many(n int) []Fields {
	var items []Fields
	for i := range n {
		items = append(items, secret("MANY_"+strconv.Itoa(i)))
	}
	return items
}

func refusedSecrets() []Step {
	nameless, scopeless, valueless := secret(""), secret("NO_SCOPES"), secret("NO_VALUE")
	nameless.Name, scopeless.Scopes, valueless.Value = nil, nil, nil
	bad := Fields{Name: new("a b"), Value: new(strings.Repeat("v", 65537)), Scopes: []string{"workers", "pages"}, Comment: new(strings.Repeat("c", 65537))}
	return []Step{
		{Name: "create a secret whose name is in use", Call: createSecrets(secret("PLAIN")), Status: 400, Word: "secret_name_already_exists: PLAIN"},
		{Name: "create two secrets of one name", Call: createSecrets(secret("TWIN"), secret("TWIN")), Status: 400, Word: "secret_name_already_exists: TWIN"},
		{Name: "create a good secret and one whose name is in use", Call: createSecrets(secret("FRESH"), secret("PLAIN")), Status: 400, Word: "secret_name_already_exists: PLAIN"},
		{Name: "create a secret with an empty name", Call: createSecrets(secret("")), Status: 400, Word: "secret_name_empty"},
		{Name: "create a secret without a name", Call: createSecrets(nameless), Status: 400, Word: "secret_name_empty"},
		{Name: "create a secret with a space in its name", Call: createSecrets(secret("a b")), Status: 400, Word: "secret_name_invalid"},
		{Name: "create a secret with a dot in its name", Call: createSecrets(secret("a.b")), Status: 400, Word: "secret_name_invalid"},
		{Name: "create a secret with a line break at the end of its name", Call: createSecrets(secret("a\n")), Status: 400, Word: "secret_name_invalid"},
		{Name: "create a secret with 257 characters", Call: createSecrets(secret(strings.Repeat("n", 257))), Status: 400, Word: "secret_name_too_long"},
		{Name: "create a secret with a name that is long and wrong", Call: createSecrets(secret(strings.Repeat("\u00e9", 257))), Status: 400, Word: "secret_name_"},
		{Name: "create a secret without a value", Call: createSecrets(valueless), Status: 400, Word: "secret_value_empty"},
		{Name: "create a secret with an empty value", Call: createSecrets(secret("EMPTY").value("")), Status: 400, Word: "secret_value_empty"},
		{Name: "create a secret of 65537 bytes", Call: createSecrets(secret("HUGE").value(strings.Repeat("v", 65537))), Status: 400, Word: "secret_value_too_long"},
		{Name: "create a secret of 65538 bytes in 32769 characters", Call: createSecrets(secret("HUGE").value(strings.Repeat("\u00e9", 32769))), Status: 400, Word: "secret_value_too_long"},
		{Name: "create a secret without scopes", Call: createSecrets(scopeless), Status: 400, Word: "secret_scopes_empty"},
		{Name: "create a secret with empty scopes", Call: createSecrets(Fields{Name: new("NO_SCOPES"), Value: new("v"), Scopes: []string{}}), Status: 400, Word: "secret_scopes_empty"},
		{Name: "create a secret with an unknown scope", Call: createSecrets(secret("PAGES", "workers", "pages")), Status: 400, Word: `/0/scopes/1`},
		{Name: "create a secret with an empty scope", Call: createSecrets(secret("NOTHING", "")), Status: 400, Word: "secret_scope_invalid"},
		{Name: "create a secret with a comment that is too long", Call: createSecrets(secret("TALK").comment(strings.Repeat("c", 65537))), Status: 400, Word: "secret_comment_too_long", Differs: shorter, Through: Answer{400, "secret_comment_too_long"}},
		{Name: "create a secret with nothing", Call: createSecrets(Fields{}), Status: 400, Word: "secret_scopes_empty"},
		{Name: "create a secret with four mistakes", Call: createSecrets(bad), Status: 400, Word: "secret_comment_too_long", Differs: scopesGrow, Through: Answer{400, "secret_comment_too_long"}},
		{Name: "create three secrets, two of them wrong", Call: createSecrets(bad, secret("GOOD"), Fields{Comment: new("only")}), Status: 400, Word: "/2/name", Differs: scopesGrow, Through: Answer{400, "/2/name"}},
		{Name: "create no secret", Call: Call{Op: CreateSecrets, Store: "$store", Items: []Fields{}}, Status: 400, Word: "invalid_json_body"},
		{Name: "create 101 secrets", Call: createSecrets(many(101)...), Status: 400, Word: "invalid_json_body"},
		{Name: "create more secrets than fit", Call: createSecrets(many(100)...), Status: 400, Word: "maximum_secrets_exceeded: max 100"},
		{Name: "create a secret in an unknown store", Call: Call{Op: CreateSecrets, Store: UnknownID, Items: []Fields{secret("LOST")}}, Status: 404, Word: "store_not_found"},
		{Name: "create a wrong secret in an unknown store", Call: Call{Op: CreateSecrets, Store: UnknownID, Items: []Fields{bad}}, Status: 404, Word: "store_not_found", Differs: wrongFirst, Through: Answer{400, "secret_name_invalid"}},
		{Name: "nothing came of what was refused", Call: Call{Op: ShowQuota}, Status: 200, Word: `"usage":10`},
	}
}
