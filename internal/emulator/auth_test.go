package emulator_test

import (
	"net/http"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/emulator"
)

func TestCredentials(t *testing.T) {
	const (
		refused   = `{"result":null,"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"messages":[]}`
		missing   = `{"result":null,"success":false,"errors":[{"code":9106,"message":"Missing X-Auth-Key, X-Auth-Email or Authorization headers"}],"messages":[]}`
		malformed = `{"result":null,"success":false,"errors":[{"code":6003,"message":"Invalid request headers",` +
			`"error_chain":[{"code":6111,"message":"Invalid format for Authorization header"}]}],"messages":[]}`
	)
	listed := emulator.Config{Tokens: []string{"good"}, Keys: []emulator.Key{{Email: "me@example.com", Key: "k"}}}
	keysOnly := emulator.Config{Keys: listed.Keys}
	cases := []struct {
		name   string
		config emulator.Config
		header http.Header
		status int
		want   string
	}{
		{"any token when none is listed", emulator.Config{}, http.Header{"Authorization": {"Bearer x"}}, 200, ""},
		{"any key when none is listed", emulator.Config{}, http.Header{"X-Auth-Email": {"a@b"}, "X-Auth-Key": {"x"}}, 200, ""},
		{"a listed token", listed, http.Header{"Authorization": {"bearer good"}}, 200, ""},
		{"another token", listed, http.Header{"Authorization": {"Bearer better"}}, 401, refused},
		{"a listed key", listed, http.Header{"X-Auth-Email": {"me@example.com"}, "X-Auth-Key": {"k"}}, 200, ""},
		{"another key", listed, http.Header{"X-Auth-Email": {"me@example.com"}, "X-Auth-Key": {"l"}}, 401, refused},
		{"a key without an address", listed, http.Header{"X-Auth-Key": {"k"}}, 400, missing},
		{"an address without a key", listed, http.Header{"X-Auth-Email": {"me@example.com"}}, 400, missing},
		{"a token where only keys are listed", keysOnly, http.Header{"Authorization": {"Bearer good"}}, 401, refused},
		{"a bad token beside a good key", listed, http.Header{
			"Authorization": {"Bearer x"}, "X-Auth-Email": {"me@example.com"}, "X-Auth-Key": {"k"}}, 401, refused},
		{"nothing", emulator.Config{}, http.Header{}, 400, missing},
		{"no scheme", emulator.Config{}, http.Header{"Authorization": {"good"}}, 400, malformed},
		{"another scheme", emulator.Config{}, http.Header{"Authorization": {"Basic Z29vZA=="}}, 400, malformed},
		{"a scheme alone", emulator.Config{}, http.Header{"Authorization": {"Bearer"}}, 400, malformed},
		{"a token with a space", emulator.Config{}, http.Header{"Authorization": {"Bearer a b"}}, 400, malformed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := start(t, c.config)
			a.header = c.header
			got := a.do("GET", "quota", "")
			if got.status != c.status || c.want != "" && got.body != c.want {
				t.Errorf("status %d, want %d, %s", got.status, c.status, got.body)
			}
		})
	}
}

func TestAccounts(t *testing.T) {
	const closed = "11111111111111111111111111111111"
	denied := plainly(9109, "Unauthorized to access requested resource")
	misrouted := func(path string) string {
		return plainly(7003, "Could not route to "+path+", perhaps your object identifier is invalid?")
	}
	a := start(t, emulator.Config{Accounts: []emulator.Account{
		{ID: accountID, Name: "main"}, {ID: closed, Tokens: []string{"other"}},
	}})
	cases := []struct {
		name, path string
		status     int
		want       string
	}{
		{"an account that the token may not use", "/client/v4/accounts/" + closed + "/secrets_store/quota", 403, denied},
		{"an account that does not exist", "/client/v4/accounts/" + noSuchID + "/secrets_store/quota", 403, denied},
		{"an account that is no identifier", "/client/v4/accounts/me/secrets_store/stores", 404,
			misrouted("/client/v4/accounts/me/secrets_store/stores")},
		{"an account in capitals", "/client/v4/accounts/" + strings.ToUpper(accountID) + "/tokens/verify", 404,
			misrouted("/client/v4/accounts/" + strings.ToUpper(accountID) + "/tokens/verify")},
		{"an account that needs escapes", "/client/v4/accounts/a%22b/secrets_store/quota", 404,
			misrouted("/client/v4/accounts/a%22b/secrets_store/quota")},
		{"a doubled slash", "/client/v4//accounts/" + accountID + "/secrets_store/quota", 200, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := a.do("GET", c.path, "")
			if got.status != c.status || c.want != "" && got.body != c.want {
				t.Errorf("status %d, want %d\n got %s\nwant %s", got.status, c.status, got.body, c.want)
			}
		})
	}
}

func TestAccountsAreApart(t *testing.T) {
	const second = "22222222222222222222222222222222"
	a := start(t, emulator.Config{Accounts: []emulator.Account{{ID: accountID}, {ID: second}}})
	store := a.store("s")
	other := "/client/v4/accounts/" + second + "/secrets_store/"
	if got := a.do("GET", other+"stores/"+store, ""); got.status != 404 {
		t.Errorf("a store is seen from another account: %s", got.body)
	}
	a.must("POST", other+"stores", `{"name":"s"}`)
}

func TestWhatClientsAskWhenTheyStart(t *testing.T) {
	const closed, second = "11111111111111111111111111111111", "22222222222222222222222222222222"
	a := start(t, emulator.Config{Accounts: []emulator.Account{
		{ID: accountID, Name: "main"}, {ID: closed, Tokens: []string{"other"}}, {ID: second, Name: "a second"},
	}})
	account := func(id, name string) string {
		return `{"id":"` + id + `","name":"` + name + `","type":"standard"}`
	}
	member := func(account string) string {
		return `{"id":"*","status":"accepted","account":` + account + `,"roles":["Super Administrator - All Privileges"]}`
	}
	const page = `,"result_info":{"count":2,"page":1,"per_page":20,"total_count":2,"total_pages":1}}`
	const one = `,"result_info":{"count":1,"page":1,"per_page":20,"total_count":1,"total_pages":1}}`
	const none = `{"result":[]` + ok + `,"result_info":{"count":0,"page":1,"per_page":20,"total_count":0,"total_pages":0}}`
	const verified = `{"result":{"id":"*","status":"active"},"success":true,"errors":[],` +
		`"messages":[{"message":"This API Token is valid and active"}]}`
	cases := []struct{ path, want string }{
		{"/user/tokens/verify", verified},
		{"/accounts/" + accountID + "/tokens/verify", verified},
		{"/user", `{"result":{"id":"*","email":"emulator@example.com","username":"emulator"}` + ok + `}`},
		{"/accounts?page=1", `{"result":[` + account(second, "a second") + `,` + account(accountID, "main") + `]` + ok + page},
		{"/accounts?name=main", `{"result":[` + account(accountID, "main") + `]` + ok + one},
		{"/accounts?name=nobody", none},
		{"/accounts?direction=desc", `{"result":[` + account(accountID, "main") + `,` + account(second, "a second") + `]` + ok + page},
		{"/memberships?account.name=main&status=accepted", `{"result":[` + member(account(accountID, "main")) + `]` + ok + one},
		{"/memberships?name=main&order=id", `{"result":[` + member(account(accountID, "main")) + `]` + ok + one},
		{"/memberships?status=pending", none},
		{"/memberships?page=1", `{"result":[` + member(account(second, "a second")) + `,` + member(account(accountID, "main")) + `]` + ok + page},
	}
	hide := strings.NewReplacer(`"id":"*","name":"a second"`, `"id":"`+second+`","name":"a second"`,
		`"id":"*","name":"main"`, `"id":"`+accountID+`","name":"main"`)
	for _, c := range cases {
		t.Run(c.path, func(t *testing.T) {
			got := a.do("GET", "/client/v4"+c.path, "")
			if plain := hide.Replace(got.plain()); got.status != 200 || plain != c.want {
				t.Errorf("status %d\n got %s\nwant %s", got.status, plain, c.want)
			}
			if again := a.do("GET", "/client/v4"+c.path, ""); again.body != got.body {
				t.Errorf("not the same twice: %s", again.body)
			}
		})
	}
}

func TestAKeyIsNoToken(t *testing.T) {
	a := start(t, emulator.Config{})
	a.header = http.Header{"X-Auth-Email": {"me@example.com"}, "X-Auth-Key": {"k"}}
	if got := a.do("GET", "/client/v4/user/tokens/verify", ""); got.status != 401 || got.body != plainly(1000, "Invalid API Token") {
		t.Errorf("status %d, %s", got.status, got.body)
	}
	if got := a.do("GET", "/client/v4/user", ""); !strings.Contains(got.body, `"email":"me@example.com","username":"me"`) {
		t.Error(got.body)
	}
}

// Wrangler reads these codes.
func TestEndpointsAboutTheCredentialHaveCodesOfTheirOwn(t *testing.T) {
	a := start(t, emulator.Config{Tokens: []string{"good"}})
	for path, want := range map[string]string{
		"/user/tokens/verify":                       plainly(1000, "Invalid API Token"),
		"/accounts/" + accountID + "/tokens/verify": plainly(1000, "Invalid API Token"),
		"/user":        plainly(9109, "Invalid access token"),
		"/accounts":    plainly(9109, "Invalid access token"),
		"/memberships": plainly(10000, "Authentication error"),
		"/accounts/" + accountID + "/secrets_store/quota": plainly(10000, "Authentication error"),
	} {
		a.header = http.Header{"Authorization": {"Bearer bad"}}
		if got := a.do("GET", "/client/v4"+path, ""); got.status != 401 || got.body != want {
			t.Errorf("%s: status %d, %s", path, got.status, got.body)
		}
	}
}
