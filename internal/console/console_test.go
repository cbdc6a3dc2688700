package console_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/console"
	"platform.internal/storekeeper/internal/webfile"
)

// get asks the handler for a path.
func get(t *testing.T, method, path string) (answer *http.Response, text string) {
	t.Helper()
	w := httptest.NewRecorder()
	console.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
	answer = w.Result()
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(read)
}

func TestHandler(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, method, path, mediaType string
		status                        int
	}{
		{"the page is HTML", "GET", "/console", webfile.HTML, 200},
		{"the page has a second address", "GET", "/console/", webfile.HTML, 200},
		{"a script is JavaScript", "HEAD", "/console/team.js", webfile.JavaScript, 200},
		{"another file does not exist", "GET", "/console/console.go", "application/json", 404},
		{"nobody can post to it", "POST", "/console", "application/json", 405},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			answer, _ := get(t, tc.method, tc.path)
			if answer.StatusCode != tc.status || answer.Header.Get("Content-Type") != tc.mediaType {
				t.Errorf("got %d %s, want %d %s", answer.StatusCode, answer.Header.Get("Content-Type"), tc.status, tc.mediaType)
			}
			if tc.status == 200 && answer.Header.Get("Content-Security-Policy") != webfile.Policy {
				t.Errorf("the policy is %q", answer.Header.Get("Content-Security-Policy"))
			}
		})
	}
}

// The policy of the page forbids inline scripts and styles, and resources from other servers. This
// test follows everything that the page and the scripts load.
func TestThePageLoadsOnlyItsOwnFiles(t *testing.T) {
	t.Parallel()
	_, page := get(t, "GET", "/console")
	if regexp.MustCompile(`<script>|<style|\son[a-z]+=|style="`).MatchString(page) {
		t.Error("the page holds script or style, which its policy forbids")
	}
	seen := map[string]bool{}
	follow(t, page, seen)
	for _, name := range []string{"console.css", "console.js", "api.js", "dom.js", "team.js", "secrets.js", "status.js"} {
		if !seen["/console/"+name] {
			t.Errorf("nothing loads %s", name)
		}
	}
}

// follow requests each file that a text loads, recursively.
func follow(t *testing.T, text string, seen map[string]bool) {
	t.Helper()
	for _, load := range regexp.MustCompile(`(?:src="|href="|from "|import ")([^"]+\.(?:js|css))"`).FindAllStringSubmatch(text, -1) {
		path := strings.Replace(load[1], "./", "/console/", 1)
		if seen[path] {
			continue
		}
		seen[path] = true
		answer, file := get(t, "GET", path)
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s is answered %d", path, answer.StatusCode)
		}
		follow(t, file, seen)
	}
}

// Text of an answer must never become markup or code, and nothing may be stored.
func TestNoScriptMakesMarkupOfTextOrStoresAnything(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"console.js", "api.js", "dom.js", "team.js", "secrets.js", "status.js"} {
		_, text := get(t, "GET", "/console/"+name)
		for _, forbidden := range []string{
			"innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "Function(", "localStorage", "sessionStorage", "indexedDB",
			"document.cookie", "pushState", "replaceState",
		} {
			if strings.Contains(text, forbidden) {
				t.Errorf("%s uses %s", name, forbidden)
			}
		}
	}
}
