package script

func wrangler(args ...string) Call { return Call{Op: Run, Command: Command{Args: args}} }

func store(args ...string) Call {
	return wrangler(append([]string{"secrets-store", "store"}, append(args, "--remote")...)...)
}

func secretOf(args ...string) Call {
	return wrangler(append([]string{"secrets-store", "secret"}, append(args, "--remote")...)...)
}

const (
	succeeds = `"exit":0`
	fails    = `"exit":1`
	// unclear is Wrangler's error if the endpoints about a credential refuse the
	// credential with code 10000: Wrangler requests the user again. Newer
	// versions print a stack trace.
	unclear = "(/user/tokens/verify) failed"
)

// Wrangler is the lifecycle of a store and its secrets on the command line. It
// needs a limit of one store.
func Wrangler() []Step {
	return []Step{
		{Name: "create a store", Call: store("create", "default_secrets_store"), Save: []string{"store"}, Status: 200, Says: succeeds},
		{Name: "create a second store", Call: store("create", "another"), Status: 400, Word: "maximum_stores_exceeded", Says: fails},
		{Name: "list stores", Call: store("list"), Status: 200, Says: "default_secrets_store"},
		{Name: "list the secrets of an empty store", Call: secretOf("list", "$store"), Status: 200, Says: fails},
		{Name: "create a secret", Call: secretOf("create", "$store", "--name", "MY_API_KEY", "--value", "v", "--scopes", "workers,ai_gateway", "--comment", "by hand"), Save: []string{"a"}, Status: 200, Says: succeeds},
		{Name: "create a secret without a comment", Call: secretOf("create", "$store", "--name", "OTHER", "--value", "v", "--scopes", "workers"), Status: 200, Says: succeeds},
		{Name: "create a secret whose name is in use", Call: secretOf("create", "$store", "--name", "OTHER", "--value", "v", "--scopes", "workers"), Status: 400, Word: "secret_name_already_exists", Says: fails},
		{Name: "create a secret in an unknown scope", Call: secretOf("create", "$store", "--name", "THIRD", "--value", "v", "--scopes", "pages"), Status: 400, Word: "secret_scope_invalid", Says: fails},
		{Name: "list secrets", Call: secretOf("list", "$store"), Status: 200, Says: "MY_API_KEY"},
		{Name: "list the second page", Call: secretOf("list", "$store", "--per-page", "1", "--page", "2"), Status: 200, Says: succeeds},
		{Name: "show a secret", Call: secretOf("get", "$store", "--secret-id", "$a"), Status: 200, Says: "by hand"},
		{Name: "show an unknown secret", Call: secretOf("get", "$store", "--secret-id", UnknownID), Status: 404, Says: fails},
		{Name: "update a secret", Call: secretOf("update", "$store", "--secret-id", "$a", "--value", "w", "--scopes", "dex", "--comment", "changed"), Status: 200, Says: "changed"},
		{Name: "duplicate a secret", Call: secretOf("duplicate", "$store", "--secret-id", "$a", "--name", "COPY", "--scopes", "workers"), Status: 200, Says: succeeds},
		{Name: "delete a secret", Call: secretOf("delete", "$store", "--secret-id", "$a"), Status: 202, Says: succeeds},
		{Name: "delete it again", Call: secretOf("delete", "$store", "--secret-id", "$a"), Status: 404, Word: "secret_not_found", Says: fails},
		{Name: "delete a store that is not empty", Call: store("delete", "$store"), Status: 409, Word: "store_not_empty", Says: fails},
		{Name: "delete an unknown store", Call: store("delete", UnknownID), Status: 404, Word: "store_not_found", Says: fails},
	}
}

// WranglerStarts has the commands with which Wrangler finds account and user.
// It needs a limit of one store.
func WranglerStarts() []Step {
	slash, guess := store("create", "slashed"), store("list")
	slash.Command.Slash, guess.Command.GuessAccount = true, true
	whoami, guessing, stranger, wrong := wrangler("whoami"), wrangler("whoami"), wrangler("whoami"), store("list")
	guessing.Command.GuessAccount = true
	stranger.Token, wrong.Token = "wrong", "wrong"
	lost, nowhere := stranger, wrong
	lost.Command.GuessAccount, nowhere.Command.GuessAccount = true, true
	return []Step{
		{Name: "create a store below a base URL with a slash at its end", Call: slash, Status: 200, Says: succeeds},
		{Name: "list stores without an account", Call: guess, Status: 200, Says: "slashed"},
		{Name: "who am I", Call: whoami, Status: 200, Says: succeeds},
		{Name: "who am I without an account", Call: guessing, Status: 200, Says: succeeds},
		{Name: "who am I with a wrong token", Call: stranger, Status: 401, Says: fails, NeverSays: unclear},
		{Name: "who am I with a wrong token and no account", Call: lost, Status: 401, Says: fails, NeverSays: unclear},
		{Name: "list stores with a wrong token", Call: wrong, Status: 401, Says: fails, NeverSays: unclear},
		{Name: "list stores with a wrong token and no account", Call: nowhere, Status: 401, Says: fails, NeverSays: unclear},
	}
}
