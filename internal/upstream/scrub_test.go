package upstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// awkward is a value whose JSON encoding differs from the value.
const awkward = "line \"one\"\nline \\two\\ <&>\u2028"

// hostile are servers that echo everything they received, in every possible place.
var hostile = map[string]func(secrets []string) http.HandlerFunc{
	"in the messages of a success": echo(http.StatusOK, func(s string) string {
		return `{"result":null,"success":true,"errors":[],"messages":[{"code":1,"message":` + quote("you sent "+s) +
			`},{"message":"fine","documentation_url":` + quote("https://x.test/"+s) + `,"source":{"pointer":` + quote("/"+s) + `}}]}`
	}),
	"in the messages of a refusal": echo(http.StatusBadRequest, func(s string) string {
		return `{"success":false,"errors":[{"code":1001,"message":"secret_name_empty","source":{"pointer":` + quote("/"+s) + `}}],"messages":[{"message":` + quote(s) + `}]}`
	}),
	"in the word of a refusal": echo(http.StatusBadRequest, func(s string) string { return failure(`{"code":1001,"message":` + quote(s) + `}`) }),
	"in the detail of a refusal": echo(http.StatusBadRequest, func(s string) string {
		return failure(`{"code":1003,"message":` + quote("secret_name_already_exists: "+s) + `}`)
	}),
	"in an unknown word for a name":   echo(http.StatusBadRequest, func(s string) string { return failure(`{"code":1003,"message":` + quote(s+"_already_exists") + `}`) }),
	"in JSON that ends early":         echo(http.StatusOK, func(s string) string { return `{"result":{"id":` + quote(s) }),
	"in a result of a wrong type":     echo(http.StatusOK, func(s string) string { return success(`{"created":` + quote(s) + `,"secrets":` + quote(s) + `}`) }),
	"in a page":                       echo(http.StatusBadGateway, func(s string) string { return "<html>" + s }),
	"in a page at 403":                echo(http.StatusForbidden, func(s string) string { return "<html>" + s }),
	"in a page at 429":                echo(http.StatusTooManyRequests, func(s string) string { return "<html>" + s }),
	"in the refusal of the token":     echo(http.StatusForbidden, func(s string) string { return failure(`{"code":9109,"message":` + quote(s) + `}`) }),
	"in place of HTTP":                broken(func(s string) string { return s + "\r\n\r\n" }),
	"in the status line":              broken(func(s string) string { return "HTTP/1.1 " + s + "\r\n\r\n" }),
	"in the length of the answer":     broken(func(s string) string { return "HTTP/1.1 200 OK\r\nContent-Length: " + s + "\r\n\r\n" }),
	"in a header that is not one":     broken(func(s string) string { return "HTTP/1.1 200 OK\r\n" + s + "\r\n\r\n" }),
	"in the encoding of the transfer": broken(func(s string) string { return "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + s + "\r\n\r\n" }),
}

// echo answers with a body made of the secrets, which are in headers too.
func echo(status int, body func(string) string) func([]string) http.HandlerFunc {
	return func(secrets []string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cf-Ray", secrets[0])
			w.Header().Set("Content-Type", "text/"+secrets[0])
			w.Header().Set("Retry-After", secrets[0])
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body(secrets[len(secrets)-1]))
		}
	}
}

// broken writes secrets where HTTP does not permit them.
func broken(bytes func(string) string) func([]string) http.HandlerFunc {
	return func(secrets []string) http.HandlerFunc { return raw(bytes(secrets[len(secrets)-1])) }
}

func quote(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

// plain is quote without the escapes for HTML.
func plain(s string) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(quote(s))
}

func TestNoSecretComesBack(t *testing.T) {
	for where, server := range hostile {
		for _, secrets := range [][]string{{token}, {value}, {"hunter_pass"}, {awkward}, {token, "x " + quote(awkward)}, {"x " + plain(awkward)}} {
			t.Run(fmt.Sprintf("%s: %q", where, secrets), func(t *testing.T) {
				client, w := serve(t, server(secrets))
				for _, s := range []string{value, awkward, "hunter_pass", "HUNTER_PASS"} {
					w.attempts = nil
					update, err := updateTo(within(t), client, s)
					refuse(t, everything(update, err)+fmt.Sprintf("%+v", w.attempts), token, s)
				}
				w.attempts = nil
				made, err := createWith(within(t), client, value, awkward, "hunter_pass")
				refuse(t, everything(made, err)+fmt.Sprintf("%+v", w.attempts), token, value, awkward, "hunter_pass")
			})
		}
	}
}

func updateTo(ctx context.Context, c *upstream.Client, v string) (upstream.Answer[upstream.Secret], error) {
	return c.UpdateSecret(ctx, upstream.UpdateSecretParams{
		Account: "main", StoreID: storeID, SecretID: secretID, Value: new(upstream.Value(v)),
	})
}

// createWith creates secrets with values, one of which is also a name.
func createWith(ctx context.Context, c *upstream.Client, values ...string) (upstream.Answer[[]upstream.Secret], error) {
	p := upstream.CreateSecretsParams{Account: "main", StoreID: storeID}
	for _, v := range values {
		p.Secrets = append(p.Secrets, upstream.NewSecret{Name: values[0], Value: upstream.Value(v)})
	}
	return c.CreateSecrets(ctx, p)
}

// everything writes down all that a caller or a log can get.
func everything(answer any, err error) string {
	text := fmt.Sprintf("%+v ", answer)
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return text
	}
	text += fmt.Sprintf("%s %s %s %s %+v %+v %s ", f.Reason, f.Public, f.Detail, f.Ray, f.Fields, f.Notices, f.Error())
	return text + strings.ToLower(f.Reason+f.Public) + strings.ToUpper(f.Reason)
}

func refuse(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(text, s) || strings.Contains(text, strings.Trim(quote(s), `"`)) || strings.Contains(text, strings.Trim(plain(s), `"`)) || strings.Contains(text, url.QueryEscape(s)) {
			t.Errorf("%q comes back in %s", s, text)
		}
	}
}

// Texts without a secret are relayed, and a short value does not prevent that.
func TestNoticesComeBack(t *testing.T) {
	body := `{"result":` + secretJSON + `,"success":true,"messages":[{"code":10.0,"message":"old form","documentation_url":"https://x.test/a","source":{"pointer":"/0/name"}},` +
		`{"message":"a v b","source":{"pointer":"nowhere"}},{"message":"` + strings.Repeat("x", 1025) + `"}],"result_info":{"count":1,"page":1.0,"per_page":20,"total_count":2e3,"total_pages":100}}`
	client, _ := serve(t, says(http.StatusOK, body))
	got, err := updateTo(within(t), client, "v")
	if err != nil {
		t.Fatal(err)
	}
	want := []upstream.Notice{
		{Code: new(int32(10)), Message: "old form", DocumentationURL: "https://x.test/a", Pointer: "/0/name"},
		{Message: "a v b"},
	}
	if !slices.Equal(flat(got.Notices), flat(want)) {
		t.Errorf("notices = %q, want %q", flat(got.Notices), flat(want))
	}
	info := *got.Info
	if info.Count != 1 || info.Page != 1 || info.PerPage != 20 || info.TotalCount != 2000 || *info.TotalPages != 100 {
		t.Errorf("result_info = %+v", info)
	}
	if got.Ray != ray {
		t.Errorf("ray = %q", got.Ray)
	}
}

// flat writes notices down without pointers, to compare and print them.
func flat(notices []upstream.Notice) []string {
	var texts []string
	for _, n := range notices {
		c := "none"
		if n.Code != nil {
			c = fmt.Sprint(*n.Code)
		}
		texts = append(texts, strings.Join([]string{c, n.Message, n.DocumentationURL, n.Pointer}, "|"))
	}
	return texts
}
