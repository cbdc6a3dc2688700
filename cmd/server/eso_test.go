package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
)

// operatorRequest is a request of External Secrets Operator's webhook provider.
type operatorRequest struct {
	Step, Method, Path, Body string
	Header                   map[string]string
}

// TestExternalSecretsOperatorPushesAndRefreshesWithoutSendingAgain replays what
// the webhook provider sends for a PushSecret.
func TestExternalSecretsOperatorPushesAndRefreshesWithoutSendingAgain(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/eso-webhook.json")
	must(t, err)
	var recording struct{ Requests []operatorRequest }
	must(t, json.Unmarshal(text, &recording))
	p := remembering(t, setup{})
	store := p.madeStore("default")
	// The name of the store, and its secrets.
	p.must("GET", "stores/"+store+"/secrets", "")
	value, exists := "", false
	for _, r := range recording.Requests {
		sent, all := p.sent(), len(p.cf.Requests())
		headers := []string{"Content-Type:", "Authorization: Bearer " + callerKey}
		for name, value := range r.Header {
			if name != "Authorization" {
				headers = append(headers, name+": "+value)
			}
		}
		got := p.do(r.Method, r.Path, r.Body, headers...)
		var pushed struct{ Value string }
		changes, requests, status := 0, -1, http.StatusOK
		switch r.Step {
		case "push", "change":
			must(t, json.Unmarshal([]byte(r.Body), &pushed))
			value, exists, changes = pushed.Value, true, 1
		case "refresh", "read":
			requests = 0
		case "delete":
			exists, changes = false, 1
		case "delete again":
			// The provider takes 404 as done.
			status = http.StatusNotFound
		default:
			t.Fatalf("an unknown step %s", r.Step)
		}
		if got.status != status {
			t.Fatalf("%s: %d %s", r.Step, got.status, got.body)
		}
		if n := p.sent() - sent; n != changes {
			t.Errorf("%s: %d changes were sent, want %d", r.Step, n, changes)
		}
		if n := len(p.cf.Requests()) - all; requests >= 0 && n != requests {
			t.Errorf("%s: %d requests reached Cloudflare", r.Step, n)
		}
		if have, there := p.cf.Value(accountID, store, "PAY_API_KEY"); there != exists || exists && have != value {
			t.Errorf("%s: the value is %q (%t), want %q", r.Step, have, there, value)
		}
		if r.Step == "read" && !strings.Contains(got.body, `"name":"PAY_API_KEY"`) {
			t.Errorf("read: %s", got.body)
		}
	}
}
