package upstream_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// question is a call with the matching response.
type question struct {
	call   func(context.Context, *upstream.Client) error
	right  string
	change bool
}

func questions() map[string]question {
	all := map[string]question{
		"GetStore":   {read, success(storeJSON), false},
		"ListStores": {stores, success("[" + storeJSON + "]"), false},
		"GetSecret": {func(ctx context.Context, c *upstream.Client) error {
			_, err := c.GetSecret(ctx, upstream.SecretParams{Account: "main", StoreID: storeID, SecretID: secretID})
			return err
		}, success(secretJSON), false},
		"ListSecrets": {listed(upstream.ListSecretsParams{Paging: upstream.Paging{Page: 2, PerPage: 20}}), page("[" + secretJSON + "]"), false},
		"Quota": {func(ctx context.Context, c *upstream.Client) error {
			_, err := c.Quota(ctx, "main")
			return err
		}, success(quotaJSON), false},
	}
	right := map[string]string{
		"CreateStore":     success(strings.Replace(storeJSON, "default", "s", 1)),
		"CreateSecrets":   success("[" + secretJSON + "]"),
		"UpdateSecret":    success(secretJSON),
		"DuplicateSecret": success(secretNamed(otherID, "N")),
	}
	for name, call := range everyChange() {
		answer, ok := right[name]
		if !ok {
			answer = success("null")
		}
		all[name] = question{call, answer, true}
	}
	return all
}

func listed(p upstream.ListSecretsParams) func(context.Context, *upstream.Client) error {
	p.Account, p.StoreID = "main", storeID
	return func(ctx context.Context, c *upstream.Client) error {
		_, err := c.ListSecrets(ctx, p)
		return err
	}
}

// page is the second page of 21 items.
func page(result string) string {
	return `{"result":` + result + `,"success":true,"errors":[],"messages":[],"result_info":{"count":1,"page":2,"per_page":20,"total_count":21,"total_pages":2}}`
}

// refused asks a question and expects that the answer is not believed.
func refusedAnswer(t *testing.T, what string, q question, h http.HandlerFunc) {
	t.Helper()
	client, _ := serve(t, h)
	err := q.call(within(t), client)
	if err == nil {
		t.Errorf("%s is believed", what)
		return
	}
	want := "UPSTREAM_ANSWER_UNREADABLE"
	if q.change {
		want = fault.ReasonUpstreamAnswerLost
	}
	if f := asFault(t, err); f.Reason != want {
		t.Errorf("%s: %v, want %s", what, f, want)
	}
}

func TestTheAnswersOfTheseTestsAreRight(t *testing.T) {
	for name, q := range questions() {
		client, _ := serve(t, says(http.StatusOK, q.right))
		if err := q.call(within(t), client); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each response is valid except for one detail.
func TestAnAnswerThatIsNoSuccessEnvelopeIsNotBelieved(t *testing.T) {
	for name, q := range questions() {
		result := q.right[len(`{"result":`):strings.Index(q.right, `,"success"`)]
		for what, body := range map[string]string{
			"success twice":                              strings.Replace(q.right, `"success":true`, `"success":false,"success":true`, 1),
			"success twice, the last false":              strings.Replace(q.right, `"success":true`, `"success":true,"success":false`, 1),
			"success twice, once escaped":                strings.Replace(q.right, `"success":true`, `"\u0073uccess":false,"success":true`, 1),
			"success twice in other case":                strings.Replace(q.right, `"success":true`, `"success":false,"Success":true`, 1),
			"success twice, once in a letter that folds": strings.Replace(q.right, `"success":true`, `"success":true,"\u017fuccess":true`, 1),
			"success in other case":                      strings.Replace(q.right, `"success"`, `"SUCCESS"`, 1),
			"success as a text":                          strings.Replace(q.right, `"success":true`, `"success":"true"`, 1),
			"no success":                                 strings.Replace(q.right, `"success":true,`, ``, 1),
			"success null":                               strings.Replace(q.right, `"success":true`, `"success":null`, 1),
			"the result twice":                           strings.Replace(q.right, `{"result":`, `{"result":null,"result":`, 1),
			"errors beside success":                      strings.Replace(q.right, `"errors":[]`, `"errors":[{"code":1001,"message":"secret_not_found"}]`, 1),
			"errors of another type":                     strings.Replace(q.right, `"errors":[]`, `"errors":"none"`, 1),
			"a number as result":                         strings.Replace(q.right, result, `7`, 1),
			"a text as result":                           strings.Replace(q.right, result, `"ok"`, 1),
			"an array around it":                         "[" + q.right + "]",
			"more behind it":                             q.right + q.right,
			"a letter behind it":                         q.right + "x",
			"a byte order mark before it":                "\ufeff" + q.right,
			"a control character in a text":              strings.Replace(q.right, `"messages":[]`, "\"messages\":[\"\x01\"]", 1),
			"a number that is none":                      strings.Replace(q.right, `"messages":[]`, `"messages":[01]`, 1),
			"a body that is not UTF-8":                   strings.Replace(q.right, `"messages":[]`, "\"messages\":[\"\xff\"]", 1),
			"a key twice deep in a message":              strings.Replace(q.right, `"messages":[]`, `"messages":[{"message":"a","source":{"pointer":"/a","pointer":"/b"}}]`, 1),
			"more keys than any object has":              strings.Replace(q.right, `"messages":[]`, `"messages":[{`+manyKeys(1000)+`}]`, 1),
			"more nesting than any object has":           strings.Replace(q.right, `"messages":[]`, `"messages":`+strings.Repeat("[", 500)+strings.Repeat("]", 500), 1),
		} {
			refusedAnswer(t, name+": "+what, q, says(http.StatusOK, body))
		}
		refusedAnswer(t, name+": a page of HTML by its media type", q, says(http.StatusOK, q.right, "Content-Type", "text/html"))
		refusedAnswer(t, name+": no media type", q, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = fmt.Fprint(w, q.right)
		})
		for _, status := range []int{203, 204, 205, 206} {
			refusedAnswer(t, fmt.Sprint(name, ": status ", status), q, says(status, q.right))
		}
	}
}

func manyKeys(n int) string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"k%d":0`, i)
	}
	return strings.Join(keys, ",")
}

func TestAResultOfAnotherQuestionIsNotBelieved(t *testing.T) {
	swap := func(old, replacement string) func(string) string {
		return func(right string) string { return strings.Replace(right, old, replacement, 1) }
	}
	noResult := func(string) string { return `{"success":true,"errors":[],"messages":[]}` }
	nothing := func(string) string { return success("null") }
	another := swap(secretID, otherID)
	anotherStore := swap(`"store_id":"`+storeID, `"store_id":"`+otherID)
	for name, wrongs := range map[string]map[string]func(string) string{
		"GetStore": {"no result": noResult, "null": nothing, "another id": swap(storeID, otherID), "another account": swap(accountID, otherID),
			"an id of another form": swap(storeID, "x"), "no name": swap(`"name":"default",`, ``), "no time": swap(`"modified"`, `"Modified_at"`),
			"id twice": swap(`{"id"`, `{"id":"`+storeID+`","id"`)},
		"ListStores":  {"no result": noResult, "null": nothing, "an object": func(string) string { return success(storeJSON) }, "another account": swap(accountID, otherID), "an item twice": swap(storeJSON, storeJSON+","+storeJSON), "null as an item": swap(storeJSON, "null")},
		"CreateStore": {"no result": noResult, "null": nothing, "another name": swap(`"name":"s"`, `"name":"t"`), "a list": func(string) string { return success("[" + storeJSON + "]") }, "another account": swap(accountID, otherID)},
		"GetSecret": {"no result": noResult, "null": nothing, "another id": another, "another store": anotherStore, "no store": swap(`"store_id":"`+storeID+`",`, ``),
			"no status": swap(`,"status":"active"`, ``), "scopes of another type": swap(`["ai_gateway","workers"]`, `"workers"`), "a comment of another type": swap(`"comment":null`, `"comment":7`), "null as a scope": swap(`["ai_gateway"`, `[null`)},
		"ListSecrets": {"no result": noResult, "null": nothing, "another store": anotherStore, "an item twice": swap(secretJSON, secretJSON+","+secretJSON),
			"another page": swap(`"page":2`, `"page":1`), "another size": swap(`"per_page":20`, `"per_page":10`), "another count": swap(`"count":1`, `"count":9`),
			"too small a total": swap(`"total_count":21`, `"total_count":1`), "too large a total": swap(`"total_count":21`, `"total_count":2000`),
			"other pages": swap(`"total_pages":2`, `"total_pages":9`), "a page before the first": swap(`"page":2`, `"page":-2`), "half a page": swap(`"page":2`, `"page":1.5`),
			"a total as a text": swap(`"total_count":21`, `"total_count":"21"`), "no page": swap(`"page":2,`, ``), "more items than asked for": swap("["+secretJSON+"]", many(21)),
			"nothing where more is": swap("["+secretJSON+"]", "[]")},
		"CreateSecrets": {"no result": noResult, "null": nothing, "nothing": func(string) string { return success("[]") }, "another name": swap("MY_KEY", "OTHER"), "another store": anotherStore,
			"one more": swap(secretJSON, secretJSON+","+secretNamed(otherID, "OTHER")), "an object": func(string) string { return success(secretJSON) }},
		"UpdateSecret":    {"no result": noResult, "null": nothing, "another id": another, "another store": anotherStore},
		"DuplicateSecret": {"no result": noResult, "null": nothing, "another name": swap(`"name":"N"`, `"name":"M"`), "the original": swap(otherID, secretID), "another store": anotherStore},
		"DeleteStore":     {"another store": func(string) string { return success(strings.Replace(storeJSON, storeID, otherID, 1)) }, "a list": func(string) string { return success("[]") }},
		"DeleteSecret":    {"another secret": func(string) string { return success(secretNamed(otherID, "MY_KEY")) }, "a list": func(string) string { return success("[]") }},
		"DeleteSecrets":   {"another secret": func(string) string { return success("[" + secretNamed(otherID, "MY_KEY") + "]") }, "none": func(string) string { return success("[]") }, "an object": func(string) string { return success(secretJSON) }},
		"Quota":           {"no result": noResult, "null": nothing, "no usage": swap(`,"usage":1`, ``), "less than nothing": swap(`"usage":1`, `"usage":-1`), "a text": swap(`"quota":100`, `"quota":"100"`), "usage twice": swap(`"usage":1`, `"usage":1,"usage":2`)},
	} {
		q := questions()[name]
		for what, wrong := range wrongs {
			body := wrong(q.right)
			if body == q.right {
				t.Errorf("%s: %s changes nothing", name, what)
			}
			refusedAnswer(t, name+": "+what, q, says(http.StatusOK, body))
		}
	}
}

// many is a list of n secrets.
func many(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = secretNamed(fmt.Sprintf("%032x", i), fmt.Sprint("S", i))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func TestSecretsThatWereMadeInAnotherOrderAreNotBelieved(t *testing.T) {
	q := question{func(ctx context.Context, c *upstream.Client) error {
		_, err := c.CreateSecrets(ctx, upstream.CreateSecretsParams{Account: "main", StoreID: storeID, Secrets: []upstream.NewSecret{
			{Name: "A", Value: value, Scopes: []string{"dex"}}, {Name: "B", Value: value, Scopes: []string{"dex"}},
		}})
		return err
	}, "", true}
	a, b := secretNamed(secretID, "A"), secretNamed(otherID, "B")
	refusedAnswer(t, "another order", q, says(http.StatusOK, success("["+b+","+a+"]")))
	refusedAnswer(t, "one", q, says(http.StatusOK, success("["+a+"]")))
	refusedAnswer(t, "one twice", q, says(http.StatusOK, success("["+a+","+secretNamed(secretID, "B")+"]")))
}

// secretJSON has the scopes ai_gateway and workers.
func TestASecretThatTheFilterLeavesOutIsNotBelieved(t *testing.T) {
	filtered := func(scopes ...string) question {
		return question{listed(upstream.ListSecretsParams{Scopes: scopes}), "", false}
	}
	refusedAnswer(t, "another scope", filtered("dex"), says(http.StatusOK, success("["+secretJSON+"]")))
	refusedAnswer(t, "a part of the name of a scope", filtered("worker"), says(http.StatusOK, success("["+secretJSON+"]")))
	for _, scopes := range [][]string{{"workers"}, {"dex", "ai_gateway"}, {"dex,workers"}, {"WORKERS"}} {
		client, _ := serve(t, says(http.StatusOK, success("["+secretJSON+"]")))
		if err := filtered(scopes...).call(within(t), client); err != nil {
			t.Errorf("%q: %v", scopes, err)
		}
	}
}

// A filter may leave the totals of the unfiltered list.
func TestAPageIsBelievedInEachFormThatCloudflareDocuments(t *testing.T) {
	for what, tt := range map[string]struct {
		asked upstream.ListSecretsParams
		body  string
	}{
		"without numbers":             {upstream.ListSecretsParams{}, success(many(3))},
		"the contract's count":        {upstream.ListSecretsParams{Paging: upstream.Paging{PerPage: 2}}, numbered(2, `"count":5,"page":1,"per_page":2,"total_count":5`)},
		"totals before a filter":      {upstream.ListSecretsParams{Search: "S"}, numbered(2, `"count":2,"page":1,"per_page":20,"total_count":50,"total_pages":3`)},
		"an empty list":               {upstream.ListSecretsParams{}, numbered(0, `"count":0,"page":1,"per_page":20,"total_count":0,"total_pages":0`)},
		"an empty list of one page":   {upstream.ListSecretsParams{}, numbered(0, `"count":0,"page":1,"per_page":20,"total_count":0,"total_pages":1`)},
		"a page past the end":         {upstream.ListSecretsParams{Paging: upstream.Paging{Page: 9, PerPage: 100}}, numbered(0, `"count":0,"page":9,"per_page":100,"total_count":3,"total_pages":1`)},
		"numbers in another notation": {upstream.ListSecretsParams{}, numbered(1, `"count":1.0,"page":1e0,"per_page":20,"total_count":1`)},
		"a page of more than a 100":   {upstream.ListSecretsParams{Paging: upstream.Paging{PerPage: 500}}, numbered(100, `"count":100,"page":1,"per_page":100,"total_count":100`)},
	} {
		client, _ := serve(t, says(http.StatusOK, tt.body))
		if err := listed(tt.asked)(within(t), client); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	client, _ := serve(t, says(http.StatusOK, success("["+secretJSON+"]")))
	if err := everyChange()["DeleteSecrets"](within(t), client); err != nil {
		t.Errorf("the older answer to a delete: %v", err)
	}
}

func numbered(n int, info string) string {
	return `{"result":` + many(n) + `,"success":true,"errors":[],"messages":[],"result_info":{` + info + `}}`
}
