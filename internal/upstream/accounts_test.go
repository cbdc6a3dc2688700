package upstream_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/upstream"
)

func TestNewNamesEveryMistake(t *testing.T) {
	good := func() upstream.Account { return configFor("https://example.test/v4").Accounts[0] }
	tests := map[string]struct {
		change func(*upstream.Account)
		want   string
	}{
		"identifier of another form":    {func(a *upstream.Account) { a.ID = strings.ToUpper(accountID) }, "id must be"},
		"no name":                       {func(a *upstream.Account) { a.Name = "" }, "name must not be empty"},
		"name like an identifier":       {func(a *upstream.Account) { a.Name = otherID }, "look like"},
		"no base URL":                   {func(a *upstream.Account) { a.BaseURL = "" }, "http"},
		"base URL of another scheme":    {func(a *upstream.Account) { a.BaseURL = "ftp://example.test" }, "http"},
		"base URL without host":         {func(a *upstream.Account) { a.BaseURL = "https://:443/v4" }, "host"},
		"base URL with a password":      {func(a *upstream.Account) { a.BaseURL = "https://u:hunter2@example.test" }, "user"},
		"base URL with a query":         {func(a *upstream.Account) { a.BaseURL = "https://example.test/?a=b" }, "query"},
		"base URL that is none":         {func(a *upstream.Account) { a.BaseURL = "https://hunter2:%zz" }, "not a URL"},
		"no credential":                 {func(a *upstream.Account) { a.Token = upstream.Token{} }, "either"},
		"an empty token":                {func(a *upstream.Account) { a.Token = upstream.NewToken("") }, "exactly one"},
		"a token with a line break":     {func(a *upstream.Account) { a.Token = upstream.NewToken("hunter2\n") }, "header"},
		"a token and a file":            {func(a *upstream.Account) { a.Credential.APITokenFile = "x" }, "exactly one"},
		"a file that is not there":      {useFiles(upstream.CredentialFiles{APITokenFile: "/nonexistent/t"}), "no such file"},
		"a folder as file":              {useFiles(upstream.CredentialFiles{APITokenFile: "/"}), "regular"},
		"an address without key":        {useFiles(upstream.CredentialFiles{Email: "a@b"}), "either"},
		"a key without address":         {useFiles(upstream.CredentialFiles{APIKeyFile: "x"}), "either"},
		"both forms":                    {useFiles(upstream.CredentialFiles{APITokenFile: "x", Email: "a@b", APIKeyFile: "y"}), "either"},
		"an address with a line break":  {useFiles(upstream.CredentialFiles{Email: "a@b\nX: y", APIKeyFile: "y"}), "address holds"},
		"an identifier that is in use":  {func(a *upstream.Account) { a.Name = "third" }, "id is used"},
		"a name that is in use already": {func(a *upstream.Account) { a.ID = otherID }, "name is used"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wrong := good()
			tt.change(&wrong)
			config := upstream.Config{Accounts: []upstream.Account{wrong}}
			if strings.HasSuffix(tt.want, "is used") {
				config.Accounts = []upstream.Account{good(), wrong}
			}
			_, err := upstream.New(config)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("err = %v, want %q in it", err, tt.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}

func useFiles(files upstream.CredentialFiles) func(*upstream.Account) {
	return func(a *upstream.Account) { a.Token, a.Credential = upstream.Token{}, files }
}

func TestNewWithoutAccounts(t *testing.T) {
	if _, err := upstream.New(upstream.Config{}); err == nil {
		t.Error("no error")
	}
}

func TestNewWithABadAgent(t *testing.T) {
	config := configFor("https://example.test")
	config.UserAgent = "a\r\nX-Evil: 1"
	if _, err := upstream.New(config); err == nil {
		t.Error("no error")
	}
}

func TestAccountsAreSortedAndEachHasItsOwnCredential(t *testing.T) {
	client, w := serve(t, says(http.StatusOK, success(`{"secrets":{"quota":1,"usage":0}}`)), func(c *upstream.Config) {
		second := c.Accounts[0]
		second.ID, second.Name, second.Token = otherID, "alpha", upstream.NewToken("other-token")
		c.Accounts = append(c.Accounts, second)
	})
	want := []upstream.AccountInfo{{ID: otherID, Name: "alpha"}, {ID: accountID, Name: "main"}}
	if got := client.Accounts(); !reflect.DeepEqual(got, want) {
		t.Errorf("Accounts = %v, want %v", got, want)
	}
	for _, key := range []string{"alpha", otherID, "main", accountID} {
		if _, err := client.Quota(within(t), key); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []string{otherID + " Bearer other-token", otherID + " Bearer other-token", accountID + " Bearer " + token, accountID + " Bearer " + token} {
		sent := w.seen()[i]
		if got := strings.Split(sent.target, "/")[4] + " " + sent.header.Get("Authorization"); got != want {
			t.Errorf("call %d: %s, want %s", i, got, want)
		}
	}
}
