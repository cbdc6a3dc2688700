package upstream_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/upstream"
)

// echoes are responses that contain a credential in every possible place.
var echoes = map[string]func(secret string) http.HandlerFunc{
	"in a refusal": func(s string) http.HandlerFunc {
		return says(401, `{"success":false,"errors":[{"code":10000,"message":`+quote(s)+`}],"messages":[{"message":`+quote(s)+`}]}`, "Cf-Ray", s, "Content-Type", "text/"+s)
	},
	"in a word of a refusal": func(s string) http.HandlerFunc {
		return says(400, failure(`{"code":1003,"message":`+quote("secret_name_already_exists: "+s)+`},{"code":1001,"message":`+quote(s)+`,"source":{"pointer":`+quote("/"+s)+`}}`))
	},
	"in an outage":  func(s string) http.HandlerFunc { return says(503, s, "Cf-Ray", s, "Retry-After", s) },
	"in a redirect": func(s string) http.HandlerFunc { return says(307, s, "Cf-Ray", s, "Location", "/client/v4/"+s) },
	"in place of a status": func(s string) http.HandlerFunc {
		return raw("HTTP/1.1 " + s + "\r\n\r\n")
	},
	"in a result": func(s string) http.HandlerFunc {
		return says(200, success(object(quote(s))), "Cf-Ray", s)
	},
	"in a result, escaped": func(s string) http.HandlerFunc {
		return says(200, success(object(`"`+escaped(s)+`"`)))
	},
	"in the first of two results": func(s string) http.HandlerFunc {
		return says(200, `{"result":`+object(quote(s))+`,"Result":{"id":"x"},"success":true}`)
	},
	"in the remarks of a success": func(s string) http.HandlerFunc {
		return says(200, `{"result":`+object(`"active"`)+`,"success":true,"messages":[{"message":`+quote("use "+s)+`,"documentation_url":`+quote("https://x.test/"+s)+`}]}`)
	},
}

// object has a text in each field of each result.
func object(text string) string {
	return `{"id":` + text + `,"name":` + text + `,"status":` + text + `,"comment":` + text + `,"account_id":` + text + `,"scopes":[` + text + `],"secrets":{"quota":1,"usage":1}}`
}

func escaped(s string) string {
	var b strings.Builder
	for _, c := range s {
		fmt.Fprintf(&b, `\u%04x`, c)
	}
	return b.String()
}

// No response exposes the credential in use, a candidate or the previous credential, whichever call
// echoes it.
func TestNoCredentialComesBack(t *testing.T) {
	t.Parallel()
	for where, echo := range echoes {
		for _, echoed := range []string{first, second} {
			t.Run(where+": "+echoed, func(t *testing.T) {
				t.Parallel()
				file := credentialFile(t)
				r := rotateFrom(t, usersToken, file, first)
				r.api.allow(second, usersToken)
				said := &strings.Builder{}
				// The candidate pauses permanently after its first response.
				r.api.meet(handler(second, askUser, says(429, echoed, "Cf-Ray", echoed, "Retry-After", "600")))
				write(t, file, second)
				r.use(first)
				r.hear(said)
				r.api.meet(func(w http.ResponseWriter, q *http.Request, _ sent) bool {
					echo(echoed)(w, q)
					return true
				})
				speak(said, r.client)
				r.client.Close()
				refuse(t, said.String()+fmt.Sprintf("%+v", r.witness.attempts), first, second)
			})
		}
	}
}

// The same once the candidate is in force, and if the responses to its test echo the credential.
func TestNoCredentialComesBackFromATrial(t *testing.T) {
	t.Parallel()
	for where, echo := range echoes {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			file := credentialFile(t)
			r := rotateFrom(t, usersToken, file, first)
			said := &strings.Builder{}
			r.api.meet(func(w http.ResponseWriter, q *http.Request, s sent) bool {
				if s.cred == second {
					echo(second)(w, q)
				}
				return s.cred == second
			})
			write(t, file, second)
			r.use(first)
			r.hear(said)
			r.api.meet(nil)
			r.api.allow(third, usersToken)
			write(t, file, third)
			eventually(t, "the third is in use", func() bool {
				r.clock.move(minute)
				r.files.Recheck(t.Context())
				return read(within(t), r.client) == nil && len(r.reads(third)) > 0
			})
			for _, old := range []string{first, second, third} {
				r.api.meet(func(w http.ResponseWriter, q *http.Request, _ sent) bool {
					echo(old)(w, q)
					return true
				})
				speak(said, r.client)
			}
			r.client.Close()
			for len(r.events) > 0 {
				r.hear(said)
			}
			refuse(t, said.String()+fmt.Sprintf("%+v", r.witness.attempts), first, second, third)
		})
	}
}

// hear writes down an event as a log would.
func (r *rotation) hear(to io.Writer) {
	r.t.Helper()
	select {
	case e := <-r.events:
		_, _ = fmt.Fprintf(to, "%+v %v\n", e, e.Err)
	case <-within(r.t).Done():
		r.t.Fatal("no event")
	}
}

// speak makes calls with each type of result and writes the results to to.
func speak(to io.Writer, c *upstream.Client) {
	ctx := context.Background()
	_, _ = fmt.Fprintln(to, everything(c.GetStore(ctx, upstream.StoreParams{Account: "main", StoreID: storeID})))
	_, _ = fmt.Fprintln(to, everything(c.GetSecret(ctx, upstream.SecretParams{Account: "main", StoreID: storeID, SecretID: secretID})))
	_, _ = fmt.Fprintln(to, everything(c.Quota(ctx, "main")))
	_, _ = fmt.Fprintln(to, everything(c.VerifyToken(ctx, "main")))
	_, _ = fmt.Fprintln(to, everything(updateTo(ctx, c, value)))
}
