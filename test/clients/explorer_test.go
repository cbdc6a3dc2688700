package clients_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// pageTime limits the actions on a page, on a busy machine.
const pageTime = 2 * time.Minute

// TestThePageOfTheAPIMakesAStoreAndASecret uses /docs in a real browser, and
// checks the displayed answers.
func TestThePageOfTheAPIMakesAStoreAndASecret(t *testing.T) {
	t.Parallel()
	rest, _ := program.DevBoth(t)
	ctx, complaints := browser(t)
	if err := chromedp.Run(ctx, chromedp.Navigate(rest+"/docs"), chromedp.WaitVisible("#CreateStore summary"),
		chromedp.SetValue("#token", "dev"), chromedp.SetValue("#scheme", "bearer")); err != nil {
		t.Fatal(err)
	}
	store := send(ctx, t, "CreateStore", map[string]string{"account_id": "dev", "Idempotency-Key": "from-the-page", "body": `{"name":"default_secrets_store"}`})
	store.has(t, "200", "X-Request-Id", "Ratelimit", "Ratelimit-Policy")
	store.curl(t, "-H 'Idempotency-Key: from-the-page'", `-H "Authorization: Bearer $API_KEY"`)
	if strings.Contains(store.command, "?Idempotency-Key") || strings.Contains(store.command, "Bearer dev") {
		t.Errorf("the command is %s", store.command)
	}
	again := send(ctx, t, "CreateStore", nil)
	again.has(t, "200", "Idempotent-Replayed")
	id := store.between(t, `"id": "`, `"`)
	fields := map[string]string{"account_id": "dev", "store_id": id, "body": `[{"name":"API_KEY","value":"canary-7f3a","scopes":["workers"]}]`}
	send(ctx, t, "CreateSecrets", fields).has(t, "200", `"name": "API_KEY"`)
	// The older scheme, and a read that is answered from near.
	if err := chromedp.Run(ctx, chromedp.SetValue("#scheme", "key"), chromedp.Evaluate(`document.getElementById("scheme").dispatchEvent(new Event("input", {bubbles: true}))`, nil)); err != nil {
		t.Fatal(err)
	}
	listed := send(ctx, t, "ListSecrets", map[string]string{"account_id": "dev", "store_id": id})
	listed.has(t, "200", `"name": "API_KEY"`)
	listed.curl(t, "-H 'X-Auth-Email: me@example.com'", `-H "X-Auth-Key: $API_KEY"`)
	person{t, ctx}.accessible(axeScript(t), "the page of the API")
	var text string
	if err := chromedp.Run(ctx, chromedp.Text("body", &text)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, "`") {
		t.Error("the page shows raw backticks")
	}
	for _, said := range complaints() {
		t.Errorf("the browser complains: %s", said)
	}
}

// profile returns a folder for the profile of a browser. t.TempDir would fail the test,
// because processes of the browser still write for a moment after its end.
func profile(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "browser-") //nolint:usetesting // See above.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for end := time.Now().Add(time.Minute); os.RemoveAll(folder) != nil && time.Now().Before(end); {
			time.Sleep(100 * time.Millisecond)
		}
	})
	return folder
}

// browser starts Chromium, or skips if there is none. complaints returns the
// messages of the browser's console: errors, violations of the page's policy,
// exceptions.
func browser(t *testing.T) (ctx context.Context, complaints func() []string) {
	t.Helper()
	var found string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			found = path
			break
		}
	}
	if found == "" {
		t.Skip("no chromium on this machine, so the page of the API is not tried in a browser")
	}
	// Root, which CI is, needs no-sandbox.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(found), chromedp.NoSandbox,
		chromedp.UserDataDir(profile(t)), chromedp.Flag("disable-quic", true), chromedp.WSURLReadTimeout(time.Minute))
	allocated, end := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(end)
	ctx, closeTab := chromedp.NewContext(allocated)
	t.Cleanup(closeTab)
	ctx, stop := context.WithTimeout(ctx, pageTime)
	t.Cleanup(stop)
	var mu sync.Mutex
	var said []string
	chromedp.ListenTarget(ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *log.EventEntryAdded:
			said = append(said, e.Entry.Text)
		case *runtime.EventExceptionThrown:
			said = append(said, e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			said = append(said, string(e.Type))
		}
	})
	if err := chromedp.Run(ctx, log.Enable(), runtime.Enable()); err != nil {
		t.Fatal(err)
	}
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return said
	}
}

// shown is the page's display of one call.
type shown struct{ command, answer string }

// send opens an operation, fills in the form and presses the button.
func send(ctx context.Context, t *testing.T, operation string, fields map[string]string) shown {
	t.Helper()
	at := "#" + operation
	steps := []chromedp.Action{
		chromedp.Evaluate(`document.getElementById("`+operation+`").open = true`, nil), chromedp.WaitVisible(at + " button"),
	}
	for name, value := range fields {
		field := at + ` [name="` + name + `"]`
		steps = append(steps, chromedp.SetValue(field, value),
			chromedp.Evaluate("document.querySelector('"+field+`').dispatchEvent(new Event("input", {bubbles: true}))`, nil))
	}
	var got shown
	steps = append(steps,
		chromedp.Evaluate(`document.querySelector("`+at+` form > div[aria-live]").replaceChildren()`, nil),
		chromedp.Click(at+" button"), chromedp.WaitVisible(at+" form > div[aria-live] dl"),
		chromedp.Text(at+" form > pre", &got.command), chromedp.Text(at+" form > div[aria-live]", &got.answer))
	if err := chromedp.Run(ctx, steps...); err != nil {
		t.Fatalf("%s: %v", operation, err)
	}
	return got
}

func (s shown) has(t *testing.T, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(s.answer, part) {
			t.Errorf("the page does not show %q: %s", part, s.answer)
		}
	}
}

func (s shown) curl(t *testing.T, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(s.command, part) {
			t.Errorf("the command lacks %q: %s", part, s.command)
		}
	}
}

func (s shown) between(t *testing.T, from, to string) string {
	t.Helper()
	_, rest, found := strings.Cut(s.answer, from)
	text, _, ended := strings.Cut(rest, to)
	if !found || !ended {
		t.Fatalf("no %s in %s", from, s.answer)
	}
	return text
}
