package upstream_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

const minute = time.Minute

// clock stands still, so that dates in headers are exact.
func still() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

var refusals = []struct {
	name    string
	call    func(context.Context, *upstream.Client) error
	status  int
	body    string
	headers []string
	want    fault.Error
}{
	{name: "store not found", call: read, status: 404, body: failure(`{"code":1001,"message":"store_not_found"}`),
		want: fault.Error{Kind: fault.NotFound, Reason: "STORE_NOT_FOUND"}},
	{name: "secret not found under another status and number", call: read, status: 400, body: failure(`{"code":1404,"message":"secret_not_found"}`),
		want: fault.Error{Kind: fault.NotFound, Reason: "SECRET_NOT_FOUND"}},
	{name: "a failure at 200", call: read, status: 200, body: failure(`{"code":1001,"message":"store_not_found"}`),
		want: fault.Error{Kind: fault.NotFound, Reason: "STORE_NOT_FOUND"}},
	{name: "a failure of unknown sort at 200", call: create, status: 200, body: failure(`{"code":1234,"message":"out of order"}`),
		want: fault.Error{Kind: fault.Upstream, Reason: fault.ReasonUpstreamAnswerLost}},
	{name: "a failure without a reason at 200", call: create, status: 200, body: `{"success":false}`,
		want: fault.Error{Kind: fault.Upstream, Reason: fault.ReasonUpstreamAnswerLost}},
	{name: "a route that is not there is not an object that is not there", call: read, status: 404,
		body: failure(`{"code":7003,"message":"Could not route to /x, perhaps your object identifier is invalid?"}`),
		want: fault.Error{Kind: fault.Upstream, Reason: "UPSTREAM_REQUEST_REFUSED"}},
	{name: "an HTML 404", call: read, status: 404, body: `<html>`, want: fault.Error{Kind: fault.Upstream, Reason: "UPSTREAM_REQUEST_REFUSED"}},
	{name: "a generic 404 for a store", call: read, status: 404, body: failure(`{"code":1000,"message":"not found"}`),
		want: fault.Error{Kind: fault.NotFound, Reason: "STORE_NOT_FOUND"}},
	{name: "a generic 404 for secrets of a store", call: create, status: 404, body: failure(`{"code":1000,"message":"not found"}`),
		want: fault.Error{Kind: fault.NotFound, Reason: "STORE_NOT_FOUND"}},
	{name: "a generic 404 for a secret", call: removeSecret, status: 404, body: failure(`{"code":1000,"message":"not found"}`),
		want: fault.Error{Kind: fault.NotFound, Reason: "SECRET_NOT_FOUND"}},
	{name: "a generic 404 where nothing is named", call: stores, status: 404, body: failure(`{"code":1000,"message":"not found"}`),
		want: fault.Error{Kind: fault.Upstream, Reason: "UPSTREAM_REQUEST_REFUSED"}},
	{name: "code 1000 under another status", call: read, status: 400, body: failure(`{"code":1000,"message":"not found"}`),
		want: fault.Error{Kind: fault.Upstream, Reason: "UPSTREAM_REQUEST_REFUSED"}},

	{name: "name taken", call: create, status: 400, body: failure(`{"code":1003,"message":"secret_name_already_exists: MY_KEY"}`),
		want: fault.Error{Kind: fault.NameTaken, Reason: "SECRET_NAME_ALREADY_EXISTS", Detail: "MY_KEY"}},
	{name: "name taken that was not asked for", call: create, status: 400, body: failure(`{"code":1003,"message":"secret_name_already_exists: OTHER"}`),
		want: fault.Error{Kind: fault.NameTaken, Reason: "SECRET_NAME_ALREADY_EXISTS"}},
	{name: "another name taken", call: create, status: 409, body: failure(`{"code":1003,"message":"alias_already_exists"}`),
		want: fault.Error{Kind: fault.NameTaken, Reason: "ALIAS_ALREADY_EXISTS"}},
	{name: "secret limit", call: create, status: 400, body: failure(`{"code":1003,"message":"maximum_secrets_exceeded: max 100"}`),
		want: fault.Error{Kind: fault.LimitReached, Reason: "MAXIMUM_SECRETS_EXCEEDED", Detail: "max 100"}},
	{name: "secret limit with a detail of no known form", call: create, status: 400, body: failure(`{"code":1003,"message":"maximum_secrets_exceeded: max 100 for bob"}`),
		want: fault.Error{Kind: fault.LimitReached, Reason: "MAXIMUM_SECRETS_EXCEEDED"}},
	{name: "store limit", call: create, status: 400, body: failure(`{"code":1003,"message":"maximum_stores_exceeded"}`),
		want: fault.Error{Kind: fault.LimitReached, Reason: "MAXIMUM_STORES_EXCEEDED"}},
	{name: "store not empty", call: remove, status: 409, body: failure(`{"code":1003,"message":"store_not_empty"}`),
		want: fault.Error{Kind: fault.NotEmpty, Reason: "STORE_NOT_EMPTY"}},
	{name: "store not empty in words that nobody knows", call: remove, status: 409, body: failure(`{"code":4711,"message":"Store has secrets"}`),
		want: fault.Error{Kind: fault.NotEmpty, Reason: "STORE_NOT_EMPTY"}},
	{name: "a conflict of another call", call: create, status: 409, body: failure(`{"code":4711,"message":"Store has secrets"}`),
		want: fault.Error{Kind: fault.Upstream, Reason: fault.ReasonUpstreamAnswerLost}},

	{name: "two wrong fields", call: create, status: 400,
		body: failure(`{"code":1001,"message":"secret_scopes_empty","source":{"pointer":"/0/scopes"}},{"code":1001,"message":"secret_shape_odd","source":{"pointer":"not a pointer"}}`),
		want: fault.Error{Kind: fault.BadInput, Reason: "SECRET_SCOPES_EMPTY", Fields: []fault.Field{
			{Pointer: "/0/scopes", Reason: "SECRET_SCOPES_EMPTY", Text: "must not be empty"},
			{Reason: "SECRET_SHAPE_ODD", Text: "must be what Cloudflare accepts"},
		}}},
	{name: "a known word under another number", call: create, status: 400, body: failure(`{"code":1234,"message":"secret_value_too_long"}`),
		want: fault.Error{Kind: fault.BadInput, Reason: "SECRET_VALUE_TOO_LONG", Fields: []fault.Field{{Reason: "SECRET_VALUE_TOO_LONG", Text: "must be shorter"}}}},
	{name: "an unknown word under another number", call: create, status: 400, body: failure(`{"code":1234,"message":"secret_shape_odd"}`),
		want: fault.Error{Kind: fault.Upstream, Reason: fault.ReasonUpstreamAnswerLost}},
	{name: "an unknown word under another status", call: create, status: 422, body: failure(`{"code":1001,"message":"secret_shape_odd"}`),
		want: fault.Error{Kind: fault.Upstream, Reason: fault.ReasonUpstreamAnswerLost}},
	{name: "a body of ours that is not taken", call: create, status: 400, body: failure(`{"code":1001,"message":"invalid_json_body"}`),
		want: fault.Error{Kind: fault.Upstream, Reason: "UPSTREAM_REQUEST_REFUSED"}},
	{name: "a body of ours that is not taken, and wrong input", call: create, status: 400,
		body: failure(`{"code":1001,"message":"invalid_json_body"},{"code":1001,"message":"secret_name_empty"}`),
		want: fault.Error{Kind: fault.BadInput, Reason: "SECRET_NAME_EMPTY", Fields: []fault.Field{{Reason: "SECRET_NAME_EMPTY", Text: "must not be empty"}}}},
	{name: "wrong input at 200", call: create, status: 200, body: failure(`{"code":1001,"message":"secret_name_empty"}`),
		want: fault.Error{Kind: fault.Upstream, Reason: fault.ReasonUpstreamAnswerLost}},
	{name: "a 400 without a word", call: create, status: 400, body: failure(`{"code":1001,"message":"Something is off."}`),
		want: fault.Error{Kind: fault.Upstream, Reason: fault.ReasonUpstreamAnswerLost}},
	{name: "notices of a refusal", call: create, status: 400,
		body: `{"success":false,"errors":[{"code":1001,"message":"secret_name_empty"}],"messages":[{"code":1001,"message":"[0].name: must not be empty"},{"message":"no code"},{"code":"x","message":"odd code"},7]}`,
		want: fault.Error{Kind: fault.BadInput, Reason: "SECRET_NAME_EMPTY",
			Fields:  []fault.Field{{Reason: "SECRET_NAME_EMPTY", Text: "must not be empty"}},
			Notices: []fault.Notice{{Code: 1001, Text: "[0].name: must not be empty"}, {Text: "no code"}, {Text: "odd code"}}}},

	{name: "throttled, in seconds", call: create, status: 429, body: failure(`{"code":971,"message":"Please wait"}`), headers: []string{"Retry-After", "120"},
		want: fault.Error{Kind: fault.Throttled, Reason: "UPSTREAM_THROTTLED", RetryAfter: 2 * minute}},
	{name: "throttled, until a date", call: read, status: 429, body: "x", headers: []string{"Retry-After", "Sun, 22 Nov 2026 12:03:00 GMT"},
		want: fault.Error{Kind: fault.Throttled, Reason: "UPSTREAM_THROTTLED", RetryAfter: 3 * minute}},
	{name: "throttled, until a date that passed", call: read, status: 429, body: failure(`{"code":971.0,"message":"Please wait"}`), headers: []string{"Retry-After", "Sun, 22 Nov 2020 12:03:00 GMT"},
		want: fault.Error{Kind: fault.Throttled, Reason: "UPSTREAM_THROTTLED", RetryAfter: 5 * minute}},
	{name: "throttled for ages", call: read, status: 429, headers: []string{"Retry-After", "4294967295"},
		want: fault.Error{Kind: fault.Throttled, Reason: "UPSTREAM_THROTTLED", RetryAfter: time.Hour}},
	{name: "throttled by the budget, for a time that is not told", call: create, status: 429, body: failure(`{"code":971,"message":"Please wait"}`),
		want: fault.Error{Kind: fault.Throttled, Reason: "UPSTREAM_THROTTLED", RetryAfter: 5 * minute}},
	{name: "throttled by a page, for a time that is not told", call: read, status: 429, body: "<html>", headers: []string{"Retry-After", "soon"},
		want: fault.Error{Kind: fault.Throttled, Reason: "UPSTREAM_THROTTLED", RetryAfter: 10 * time.Second}},
	{name: "throttled at 200", call: read, status: 200, body: failure(`{"code":971,"message":"Please wait"}`),
		want: fault.Error{Kind: fault.Throttled, Reason: "UPSTREAM_THROTTLED", RetryAfter: 5 * minute}},

	{name: "our token is wrong", call: read, status: 401, body: failure(`{"code":10000,"message":"Authentication error"}`),
		want: fault.Error{Kind: fault.Upstream, Reason: "UPSTREAM_CREDENTIAL_REFUSED"}},
	{name: "our token may not", call: create, status: 403, body: `{"success":false,"errors":[{"code":9109,"message":"Unauthorized"}],"messages":[{"message":"talk to the owner of the token"}]}`,
		want: fault.Error{Kind: fault.Upstream, Reason: "UPSTREAM_CREDENTIAL_REFUSED"}},
	{name: "our token is malformed", call: read, status: 400, body: failure(`{"code":6003,"message":"Invalid request headers","error_chain":[{"code":6111,"message":"x"}]}`),
		want: fault.Error{Kind: fault.Upstream, Reason: "UPSTREAM_CREDENTIAL_REFUSED"}},
	{name: "our key is missing", call: read, status: 400, body: failure(`{"code":9106,"message":"Missing X-Auth-Key"}`),
		want: fault.Error{Kind: fault.Upstream, Reason: "UPSTREAM_CREDENTIAL_REFUSED"}},
	{name: "no word makes a refused token the caller's fault", call: read, status: 403, body: failure(`{"code":1001,"message":"store_not_found"}`),
		want: fault.Error{Kind: fault.Upstream, Reason: "UPSTREAM_CREDENTIAL_REFUSED"}},
	{name: "a firewall's page", call: create, status: 403, body: "<html>blocked</html>", want: fault.Error{Kind: fault.Upstream, Reason: fault.ReasonUpstreamAnswerLost}},
	{name: "a firewall's challenge", call: read, status: 400, body: failure(""), headers: []string{"Cf-Mitigated", "challenge"},
		want: fault.Error{Kind: fault.Upstream, Reason: "UPSTREAM_BLOCKED"}},

	{name: "a read meets 500", call: read, status: 500, body: failure(`{"code":1001,"message":"store_not_found"}`),
		want: fault.Error{Kind: fault.Unavailable, Reason: "UPSTREAM_UNAVAILABLE", RetryAfter: time.Second}},
	{name: "a read meets 503 with a hint", call: read, status: 503, body: "<html>", headers: []string{"Retry-After", "7"},
		want: fault.Error{Kind: fault.Unavailable, Reason: "UPSTREAM_UNAVAILABLE", RetryAfter: 7 * time.Second}},
	{name: "a read meets 522", call: read, status: 522, body: "<html>", want: fault.Error{Kind: fault.Unavailable, Reason: "UPSTREAM_UNAVAILABLE", RetryAfter: time.Second}},
	{name: "a read meets 408", call: read, status: 408, want: fault.Error{Kind: fault.Unavailable, Reason: "UPSTREAM_UNAVAILABLE", RetryAfter: time.Second}},
	{name: "a change meets 500", call: create, status: 500, body: failure(`{"code":1001,"message":"store_not_found"}`),
		want: fault.Error{Kind: fault.Unavailable, Reason: fault.ReasonUpstreamAnswerLost}},
	{name: "a change meets 524", call: remove, status: 524, body: "<html>", want: fault.Error{Kind: fault.Unavailable, Reason: fault.ReasonUpstreamAnswerLost}},
	{name: "a change meets 408", call: create, status: 408, want: fault.Error{Kind: fault.Unavailable, Reason: fault.ReasonUpstreamAnswerLost}},

	{name: "a redirect is not followed", call: create, status: 307, headers: []string{"Location", "/elsewhere"},
		want: fault.Error{Kind: fault.Upstream, Reason: fault.ReasonUpstreamAnswerLost}},
	{name: "a read gets a page", call: read, status: 200, body: "<html>hello</html>", headers: []string{"Content-Type", "text/html"},
		want: fault.Error{Kind: fault.Upstream, Reason: "UPSTREAM_ANSWER_UNREADABLE"}},
	{name: "a change gets a page", call: create, status: 200, body: "<html>hello</html>", want: fault.Error{Kind: fault.Upstream, Reason: fault.ReasonUpstreamAnswerLost}},
	{name: "a read gets half of the JSON", call: read, status: 200, body: `{"result":{"id":"`, want: fault.Error{Kind: fault.Unavailable, Reason: "UPSTREAM_UNREACHABLE", RetryAfter: time.Second}},
	{name: "a change gets half of the JSON", call: create, status: 200, body: `{"result":[{"id":"`, want: fault.Error{Kind: fault.Unavailable, Reason: fault.ReasonUpstreamAnswerLost}},
	{name: "a read gets nothing", call: read, status: 200, want: fault.Error{Kind: fault.Unavailable, Reason: "UPSTREAM_UNREACHABLE", RetryAfter: time.Second}},
	{name: "a read gets no result", call: read, status: 200, body: success("null"), want: fault.Error{Kind: fault.Upstream, Reason: "UPSTREAM_ANSWER_UNREADABLE"}},
	{name: "a read gets a result of another type", call: read, status: 200, body: success("[]"), want: fault.Error{Kind: fault.Upstream, Reason: "UPSTREAM_ANSWER_UNREADABLE"}},
	{name: "a read gets a result without saying that it succeeded", call: read, status: 200, body: `{"result":` + storeJSON + `}`,
		want: fault.Error{Kind: fault.Upstream, Reason: "UPSTREAM_ANSWER_UNREADABLE"}},
	{name: "a read gets a time that is none", call: read, status: 200, body: success(`{"id":"x","created":"yesterday"}`),
		want: fault.Error{Kind: fault.Upstream, Reason: "UPSTREAM_ANSWER_UNREADABLE"}},
	{name: "a change gets fewer results than it asked for", call: create, status: 200, body: success("[]"), want: fault.Error{Kind: fault.Upstream, Reason: fault.ReasonUpstreamAnswerLost}},
}

func remove(ctx context.Context, c *upstream.Client) error {
	_, err := c.DeleteStore(ctx, upstream.DeleteStoreParams{Account: "main", StoreID: storeID})
	return err
}

func removeSecret(ctx context.Context, c *upstream.Client) error {
	_, err := c.DeleteSecret(ctx, upstream.SecretParams{Account: "main", StoreID: storeID, SecretID: secretID})
	return err
}

func stores(ctx context.Context, c *upstream.Client) error {
	_, err := c.ListStores(ctx, upstream.ListStoresParams{Account: "main"})
	return err
}

func TestRefusals(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			client, w := serve(t, says(tt.status, tt.body, tt.headers...), func(c *upstream.Config) { c.Clock = still })
			f := asFault(t, tt.call(within(t), client))
			got := fault.Error{Kind: f.Kind, Reason: f.Reason, Detail: f.Detail, Fields: f.Fields, Notices: f.Notices, RetryAfter: f.RetryAfter}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("fault = %+v\nwant    %+v", got, tt.want)
			}
			if f.Ray != ray || f.Public == "" || f.Unwrap() == nil || !strings.Contains(f.Unwrap().Error(), ray) {
				t.Errorf("ray %q, public text %q, cause %v: each has to be there", f.Ray, f.Public, f.Unwrap())
			}
			if sent := w.seen(); len(sent) != 1 {
				t.Errorf("sent %d requests, want 1", len(sent))
			}
			if a := w.attempts[0]; !errors.Is(a.Err, f) || a.Status != tt.status {
				t.Errorf("attempt = %+v", a)
			}
		})
	}
}

func TestUnreadableAnswerIsNotRelayed(t *testing.T) {
	client, _ := serve(t, says(http.StatusOK, success(`{"id":7}`)))
	f := asFault(t, read(within(t), client))
	if strings.Contains(f.Error(), "number") {
		t.Errorf("the fault quotes the answer: %v", f)
	}
}

func TestOddHeadersAreNotRelayed(t *testing.T) {
	for _, odd := range []string{"8f1c 2d3e", "<script>", strings.Repeat("a", 65), "ray\u00e9"} {
		client, w := serve(t, says(http.StatusNotFound, failure(`{"code":1001,"message":"store_not_found"}`), "Cf-Ray", odd, "Content-Type", odd))
		f := asFault(t, read(within(t), client))
		if f.Ray != "" || w.attempts[0].Ray != "" || strings.Contains(f.Error(), odd) {
			t.Errorf("%q is relayed: %v", odd, f)
		}
	}
}
