package upstream_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/upstream"
)

// disguised are the forms in which an answer may repeat a secret.
func disguised(s string) map[string]string {
	percent, html, spaced := "", "", ""
	for _, b := range []byte(s) {
		percent += fmt.Sprintf("%%%02x", b)
		html += fmt.Sprintf("&#%d;", b)
		spaced += string(b) + " "
	}
	return map[string]string{
		"as it is":                    s,
		"in upper case":               strings.ToUpper(s),
		"in lower case":               strings.ToLower(s),
		"in title case":               strings.ToUpper(s[:1]) + strings.ToLower(s[1:]),
		"with underscores":            strings.ReplaceAll(s, "-", "_"),
		"without separators":          strings.ReplaceAll(s, "-", ""),
		"broken by spaces":            spaced,
		"broken by a line":            s[:9] + "\n\t" + s[9:],
		"escaped for URLs":            url.QueryEscape(s),
		"every byte escaped for URLs": percent,
		"escaped twice for URLs":      url.QueryEscape(percent),
		"escaped for JSON":            escaped(s),
		"escaped for HTML":            html,
		"in hexadecimal":              hex.EncodeToString([]byte(s)),
		"in upper hexadecimal":        strings.ToUpper(hex.EncodeToString([]byte(s))),
		"in base64":                   base64.StdEncoding.EncodeToString([]byte(s)),
		"in base64 for URLs":          base64.RawURLEncoding.EncodeToString([]byte(s)),
		"in base64 behind one byte":   base64.StdEncoding.EncodeToString([]byte(":" + s + ".")),
		"in base64 behind a scheme":   base64.StdEncoding.EncodeToString([]byte("Bearer " + s + " and more")),
		"in base64 behind an address": base64.StdEncoding.EncodeToString([]byte("me@x.test:" + s)),
		"in base64 over two lines":    base64.StdEncoding.EncodeToString([]byte(s))[:11] + "\r\n " + base64.StdEncoding.EncodeToString([]byte(s))[11:],
	}
}

func TestASecretComesBackInNoDisguise(t *testing.T) {
	for _, secret := range []string{token, value} {
		for form, text := range disguised(secret) {
			for where, h := range map[string]http.HandlerFunc{
				"a notice of a success": says(200, `{"result":`+secretJSON+`,"success":true,"errors":[],"messages":[{"code":1000,"message":`+quote("you sent "+text)+
					`},{"code":1000,"message":"fine","documentation_url":`+quote("https://x.test/?"+text)+`}]}`),
				"a notice of a refusal": says(400, `{"success":false,"errors":[{"code":1001,"message":"secret_name_empty"}],"messages":[{"code":1000,"message":`+quote(text)+`}]}`),
				"a word":                says(400, failure(`{"code":1001,"message":`+quote(strings.ToLower(text)+"_empty")+`}`)),
				"a name that is taken":  says(400, failure(`{"code":1003,"message":`+quote("secret_name_already_exists: "+text)+`}`)),
				"headers":               says(404, failure(`{"code":1001,"message":"secret_not_found"}`), "Cf-Ray", oneLine(text), "Ratelimit", `"`+oneLine(text)+`";r=1;t=1`, "Content-Type", "application/"+oneLine(text)),
			} {
				client, w := serve(t, h)
				got, err := updateTo(within(t), client, value)
				if told := everything(got, err) + fmt.Sprintf("%+v", w.attempts); strings.Contains(told, text) || strings.Contains(told, secret) || strings.Contains(told, strings.ToLower(text)+"_") {
					t.Errorf("%s of %q comes back from %s: %s", form, secret, where, told)
				}
			}
		}
	}
}

func oneLine(text string) string {
	return strings.NewReplacer("\n", "", "\r", "", "\t", "").Replace(text)
}

func TestAResultThatHoldsACredentialIsNotBelieved(t *testing.T) {
	for form, text := range disguised(token) {
		comment := strings.Replace(secretJSON, `"comment":null`, `"comment":`+quote(text), 1)
		client, _ := serve(t, says(http.StatusOK, success(comment)))
		_, err := client.GetSecret(within(t), upstream.SecretParams{Account: "main", StoreID: storeID, SecretID: secretID})
		if err == nil {
			t.Errorf("%s is believed", form)
		}
	}
}

// Ordinary texts are relayed for any value.
func TestOrdinaryTextsAreNotTakenForSecrets(t *testing.T) {
	for _, ordinary := range []string{"secret is pending", "Deprecated: use https://developers.cloudflare.com/api/", "[0].name: must not be empty", "100 % of the quota"} {
		client, _ := serve(t, says(200, `{"result":`+secretJSON+`,"success":true,"errors":[],"messages":[{"code":1000,"message":`+quote(ordinary)+`}]}`))
		got, err := updateTo(within(t), client, "a-value-that-is-not-in-it")
		if err != nil || len(got.Notices) != 1 {
			t.Errorf("%q is not told: %v", ordinary, err)
		}
	}
}

func TestARayIsRelayedInItsFormOnly(t *testing.T) {
	for sent, relayed := range map[string]bool{
		"8f1c2d3e4a5b6c7d-FRA": true, "8f1c2d3e4a5b6c7d": true,
		"8F1C2D3E4A5B6C7D-FRA": false, "8f1c2d3e4a5b6c7d_FRA": false, "8f1c2d3e4a5b6c7d-fra": false, "8f1c2d3e4a5b6c7d-FRAN": false,
		"8f1c2d3e4a5b6c7-FRA": false, "tok-7f0a91c2d4e6b8a0": false, "8f1c2d3e4a5b6c7d-FRA, 8f1c2d3e4a5b6c7d-FRA": false,
	} {
		client, w := serve(t, says(http.StatusNotFound, failure(`{"code":1001,"message":"store_not_found"}`), "Cf-Ray", sent))
		f := asFault(t, read(within(t), client))
		if got := f.Ray == sent && w.attempts[0].Ray == sent; got != relayed || !relayed && strings.Contains(f.Error(), sent) {
			t.Errorf("%s: relayed %t in %v", sent, got, f)
		}
	}
}
