package upstream_test

import (
	"context"
	"net/http"
	"testing"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// everyChange are the seven calls that change something.
func everyChange() map[string]func(context.Context, *upstream.Client) error {
	secret := upstream.SecretParams{Account: "main", StoreID: storeID, SecretID: secretID}
	changed := upstream.Value(value)
	return map[string]func(context.Context, *upstream.Client) error{
		"CreateStore": func(ctx context.Context, c *upstream.Client) error {
			_, err := c.CreateStore(ctx, upstream.CreateStoreParams{Account: "main", Name: "s"})
			return err
		},
		"DeleteStore":   remove,
		"CreateSecrets": create,
		"UpdateSecret": func(ctx context.Context, c *upstream.Client) error {
			_, err := c.UpdateSecret(ctx, upstream.UpdateSecretParams{Account: "main", StoreID: storeID, SecretID: secretID, Value: &changed})
			return err
		},
		"DeleteSecret": func(ctx context.Context, c *upstream.Client) error {
			_, err := c.DeleteSecret(ctx, secret)
			return err
		},
		"DeleteSecrets": func(ctx context.Context, c *upstream.Client) error {
			_, err := c.DeleteSecrets(ctx, upstream.DeleteSecretsParams{Account: "main", StoreID: storeID, IDs: []string{secretID}})
			return err
		},
		"DuplicateSecret": func(ctx context.Context, c *upstream.Client) error {
			_, err := c.DuplicateSecret(ctx, upstream.DuplicateSecretParams{Account: "main", StoreID: storeID, SecretID: secretID, Name: "N", Scopes: []string{"dex"}})
			return err
		},
	}
}

// An answer that Cloudflare does not document as a refusal does not say that a
// change was not made.
func TestARefusalThatCloudflareDoesNotDocumentLeavesAChangeOpen(t *testing.T) {
	teapot := failure(`{"code":1000,"message":"I'm a teapot"}`)
	word := failure(`{"code":1001,"message":"secret_not_found"}`)
	for name, h := range map[string]http.HandlerFunc{
		"200 that says false":             says(200, failure(`{"code":1000,"message":"internal_error"}`)),
		"200 that says false with a word": says(200, word),
		"202 that says false with a word": says(202, word),
		"a redirect":                      says(302, "", "Location", "/elsewhere"),
		"a redirect with a word":          says(308, word),
		"418":                             says(418, teapot),
		"418 with a word":                 says(418, word),
		"HTML 400":                        says(400, "<html>", "Content-Type", "text/html"),
		"HTML 401":                        says(401, "<html>", "Content-Type", "text/html"),
		"HTML 403":                        says(403, "<html>", "Content-Type", "text/html"),
		"HTML 404":                        says(404, "<html>", "Content-Type", "text/html"),
		"403 without a known code":        says(403, failure(`{"code":1234,"message":"no"}`)),
		"401 without a known code":        says(401, failure("")),
		"404 without a known code":        says(404, failure(`{"code":1234,"message":"no"}`)),
		"a word in HTML's media type":     says(404, word, "Content-Type", "text/html"),
		"a word without success":          says(404, `{"errors":[{"code":1001,"message":"secret_not_found"}]}`),
		"a word that is cut":              says(404, word[:len(word)-1]),
		"a word behind a challenge":       says(404, word, "Cf-Mitigated", "challenge"),
		"413":                             says(413, failure(`{"code":1001,"message":"request_too_large"}`)),
		"429 without the code":            says(429, failure(`{"code":1000,"message":"Too Many Requests"}`), "Retry-After", "1"),
		"the code of 429 at 200":          says(200, failure(`{"code":971,"message":"wait"}`), "Retry-After", "1"),
		"429 of a proxy":                  says(429, "slow down", "Content-Type", "text/plain"),
		"a refused credential at 200":     says(200, failure(`{"code":10000,"message":"Authentication error"}`)),
	} {
		for change, call := range everyChange() {
			client, w := serve(t, h)
			if f := asFault(t, call(within(t), client)); f.Reason != fault.ReasonUpstreamAnswerLost {
				t.Errorf("%s: %s: %v", name, change, f)
			}
			if sent := len(w.seen()); sent != 1 {
				t.Errorf("%s: %s was sent %d times", name, change, sent)
			}
		}
	}
}

func TestADocumentedRefusalProvesThatNothingWasDone(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		error  string
		kind   fault.Kind
	}{
		"store not found":             {404, `{"code":1001,"message":"store_not_found"}`, fault.NotFound},
		"secret not found":            {404, `{"code":1001,"message":"secret_not_found"}`, fault.NotFound},
		"an input word":               {400, `{"code":1001,"message":"secret_scopes_empty"}`, fault.BadInput},
		"an input word with a detail": {400, `{"code":1001,"message":"secret_value_too_long: max 65536"}`, fault.BadInput},
		"a new input word":            {400, `{"code":1001,"message":"secret_shape_odd"}`, fault.BadInput},
		"a body of ours":              {400, `{"code":1001,"message":"invalid_json_body"}`, fault.Upstream},
		"name taken":                  {400, `{"code":1003,"message":"secret_name_already_exists: N"}`, fault.NameTaken},
		"secret limit":                {400, `{"code":1003,"message":"maximum_secrets_exceeded: max 100"}`, fault.LimitReached},
		"store limit":                 {400, `{"code":1003,"message":"maximum_stores_exceeded"}`, fault.LimitReached},
		"no route":                    {404, `{"code":7003,"message":"Could not route"},{"code":7000,"message":"No route"}`, fault.Upstream},
		"token malformed":             {400, `{"code":6003,"message":"Invalid request headers"}`, fault.Upstream},
		"token missing":               {400, `{"code":9106,"message":"Authentication failed"}`, fault.Upstream},
		"token may not":               {403, `{"code":9109,"message":"Unauthorized"}`, fault.Upstream},
		"token refused with 403":      {403, `{"code":10000,"message":"Authentication error"}`, fault.Upstream},
		"token refused with 401":      {401, `{"code":10000,"message":"Authentication error"}`, fault.Upstream},
		"a spent budget":              {429, `{"code":971,"message":"Please wait"}`, fault.Throttled},
		"a known error among others":  {400, `{"code":1234,"message":"odd"},{"code":1001,"message":"secret_name_empty"}`, fault.BadInput},
	} {
		for change, call := range everyChange() {
			client, _ := serve(t, says(tt.status, failure(tt.error)))
			if f := asFault(t, call(within(t), client)); f.Kind != tt.kind || f.Reason == fault.ReasonUpstreamAnswerLost {
				t.Errorf("%s: %s: kind %d, %v", name, change, f.Kind, f)
			}
		}
	}
}
