package clients_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"platform.internal/storekeeper/test/clients/outside"
)

// consoleCanary is a value that must not be found anywhere after the put.
const consoleCanary = "canary-console-91d2"

// person uses the console as a person would.
type person struct {
	t   *testing.T
	ctx context.Context
}

func (p person) do(what string, steps ...chromedp.Action) {
	p.t.Helper()
	if err := chromedp.Run(p.ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

// shows waits until an element shows a text.
func (p person) shows(selector, text string) {
	p.t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		p.t.Fatal(err)
	}
	p.do("wait for "+text, chromedp.Poll(`document.querySelector("`+selector+`")?.innerText.includes(`+string(quoted)+`)`, nil))
}

// put fills in the form for a secret and sends it.
func (p person) put(name, value, becomes string) {
	p.t.Helper()
	p.do("put "+name,
		chromedp.SetValue(`#put [name="name"]`, name), chromedp.SetValue(`#put [name="value"]`, value), chromedp.Click("#put button"))
	p.shows("#put-result", name+" "+becomes)
}

func TestTheConsoleIsUsedAsAPersonWould(t *testing.T) {
	t.Parallel()
	rest, _ := program.DevBoth(t)
	ctx, complaints := browser(t)
	axe := axeScript(t)
	makeStore(t, rest, "default_secrets_store")
	p := person{t, ctx}
	p.do("sign in", chromedp.Navigate(rest+"/console"), chromedp.WaitVisible("#credential"),
		chromedp.SendKeys("#credential", "dev"+kb.Enter))
	p.shows("#me", "dev")
	p.shows("#usage", "Share of calls")
	p.shows("#permissions", "Rule")

	// The arrow keys lead to the next page.
	p.do("go to the secrets", chromedp.Focus("#tab-team"), chromedp.SendKeys("#tab-team", kb.ArrowRight), chromedp.WaitVisible("#put"))
	p.shows("#place", "default_secrets_store")
	p.put("FROM_THE_CONSOLE", consoleCanary, "was created")
	p.put("FROM_THE_CONSOLE", consoleCanary+"-2", "was updated")
	p.put("ANOTHER", consoleCanary, "was created")
	p.do("search", chromedp.SetValue(`#place [name="search"]`, "ANOTHER"), chromedp.Click("#place button"))
	p.shows("#list", "ANOTHER")
	p.look(axe, "secrets")
	p.do("keep it", chromedp.Click(`[aria-label="Delete ANOTHER"]`), chromedp.WaitVisible("#confirm"), chromedp.Click(`#confirm [value="cancel"]`))
	p.do("delete it", chromedp.Click(`[aria-label="Delete ANOTHER"]`), chromedp.WaitVisible("#confirm"), chromedp.Click(`#confirm [value="delete"]`))
	p.shows("#put-result", "ANOTHER is deleted")

	p.do("go to the team", chromedp.Click("#tab-team"), chromedp.SetValue(`#filter [name="secret"]`, "FROM_THE_CONSOLE"), chromedp.Click("#filter button"))
	p.shows("#changes", "secret.update")
	p.do("try a permission", chromedp.SetValue(`#try [name="action"]`, "secret.update"), chromedp.SetValue(`#try [name="account"]`, "dev"),
		chromedp.SetValue(`#try [name="store"]`, "default_secrets_store"), chromedp.SetValue(`#try [name="secret"]`, "ANY"), chromedp.Click("#try button"))
	p.shows("#tried", "Allowed")
	p.look(axe, "team")

	p.do("go to the status", chromedp.Click("#tab-status"), chromedp.WaitVisible("#budget svg"))
	p.shows("#service", "Store")
	p.look(axe, "status")
	p.leavesNothing()
	p.do("sign out", chromedp.Click("#sign-out"), chromedp.WaitNotVisible("#tabs"))
	for _, said := range complaints() {
		t.Errorf("the browser complains: %s", said)
	}
}

// A wrong credential is refused with words, and nothing is shown.
func TestTheConsoleRefusesAWrongCredential(t *testing.T) {
	t.Parallel()
	rest, _ := program.DevBoth(t)
	ctx, _ := browser(t) // The browser logs the 401.
	p := person{t, ctx}
	p.do("sign in", chromedp.Navigate(rest+"/console"), chromedp.WaitVisible("#credential"), chromedp.SendKeys("#credential", "wrong"+kb.Enter))
	p.shows("#who", "401")
	var hidden bool
	p.do("look", chromedp.Evaluate(`document.getElementById("tabs").hidden && document.getElementById("team").hidden`, &hidden))
	if !hidden {
		t.Error("the pages are shown")
	}
}

// look checks the open page: wide and narrow, light and dark, by the rules of
// axe, and that no element is wider than the window. It writes a screenshot if
// STOREKEEPER_SCREENSHOTS names a folder.
func (p person) look(axe, name string) {
	p.t.Helper()
	for _, view := range []struct {
		name, scheme string
		width        int64
	}{{"", "light", 1280}, {"-dark", "dark", 1280}, {"-narrow", "light", 375}} {
		var picture []byte
		var overflow bool
		p.do("look at "+name+view.name,
			emulation.SetDeviceMetricsOverride(view.width, 900, 1, false),
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: view.scheme}}),
			chromedp.Evaluate("document.documentElement.scrollWidth > window.innerWidth", &overflow))
		if overflow {
			p.t.Errorf("%s%s is wider than its window", name, view.name)
		}
		p.accessible(axe, name+view.name)
		p.do("take a picture", chromedp.FullScreenshot(&picture, 100))
		if folder := os.Getenv("STOREKEEPER_SCREENSHOTS"); folder != "" {
			if err := os.WriteFile(filepath.Join(folder, "console-"+name+view.name+".png"), picture, 0o600); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	p.do("look again as before", emulation.ClearDeviceMetricsOverride())
}

// accessible runs axe, if available, and reports serious violations.
func (p person) accessible(axe, name string) {
	p.t.Helper()
	if axe == "" {
		return
	}
	var found []string
	p.do("check "+name, chromedp.Evaluate(axe+`; 0`, nil), chromedp.Evaluate(
		`axe.run().then((r) => r.violations.filter((v) => v.impact === "serious" || v.impact === "critical").map((v) => v.id + ": " + v.nodes.map((n) => n.html).join(" ")))`,
		&found, awaited))
	for _, violation := range found {
		p.t.Errorf("%s: axe finds %s", name, violation)
	}
}

// leavesNothing searches the storage of the browser for the canary.
func (p person) leavesNothing() {
	p.t.Helper()
	var document, kept string
	var at int64
	var entries []*page.NavigationEntry
	p.do("look for what is left",
		chromedp.Evaluate(`document.documentElement.outerHTML + [...document.querySelectorAll("input, textarea")].map((f) => f.value).join(" ")`, &document),
		chromedp.Evaluate(`JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href, history.state])`, &kept),
		chromedp.ActionFunc(func(ctx context.Context) (err error) {
			at, entries, err = page.GetNavigationHistory().Do(ctx)
			return err
		}))
	if strings.Contains(document+kept, "canary") || !strings.HasPrefix(kept, `[{},{},"",`) {
		p.t.Errorf("the page keeps %s", kept)
	}
	for _, e := range entries[:at+1] {
		if strings.Contains(e.URL, "canary") || strings.Contains(e.URL, "dev") {
			p.t.Errorf("the history holds %s", e.URL)
		}
	}
}

// axeScript returns the script of axe-core, or "" if it is not available.
func axeScript(t *testing.T) string {
	t.Helper()
	if _, err := outside.Node(t.Context(), "axe"); err != nil {
		t.Run("the rules of accessibility", func(t *testing.T) { t.Skipf("the console is not checked by axe-core: %v", err) })
		return ""
	}
	script, err := os.ReadFile(filepath.Join("axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

// makeStore makes a store over REST.
func makeStore(t *testing.T, rest, name string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, rest+"/client/v4/accounts/dev/secrets_store/stores", strings.NewReader(`{"name":"`+name+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer dev")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
}

// awaited waits for a promise.
func awaited(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
