package apidoc_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/apidoc"
)

func TestHandler(t *testing.T) {
	server := httptest.NewServer(apidoc.Handler())
	t.Cleanup(server.Close)
	for _, tc := range []struct {
		name, method, path, mediaType string
		status                        int
		contains                      string
	}{
		{"the document is JSON", "GET", "/openapi.json", "application/json", 200, `"openapi": "3.1.0"`},
		{"the page is HTML", "GET", "/docs", "text/html; charset=utf-8", 200, "<title>Storekeeper API</title>"},
		{"the page has a second address", "GET", "/docs/", "text/html; charset=utf-8", 200, "<!doctype html>"},
		{"the script is JavaScript", "GET", "/docs/docs.js", "text/javascript; charset=utf-8", 200, "fetch"},
		{"the style is CSS", "GET", "/docs/docs.css", "text/css; charset=utf-8", 200, ":root"},
		{"another file does not exist", "GET", "/docs/apidoc.go", "application/json", 404, `"code":7000`},
		{"nobody can post to it", "POST", "/openapi.json", "application/json", 405, `"code":7001`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answer, body := call(t, tc.method, server.URL+tc.path)
			if answer.StatusCode != tc.status || answer.Header.Get("Content-Type") != tc.mediaType {
				t.Errorf("got %d %s, want %d %s", answer.StatusCode, answer.Header.Get("Content-Type"), tc.status, tc.mediaType)
			}
			if !strings.Contains(body, tc.contains) {
				t.Errorf("body lacks %q", tc.contains)
			}
		})
	}
}

func TestUnchangedFileIsNotSentTwice(t *testing.T) {
	server := httptest.NewServer(apidoc.Handler())
	t.Cleanup(server.Close)
	first, _ := call(t, http.MethodGet, server.URL+"/openapi.json")
	again, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/openapi.json", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	again.Header.Set("If-None-Match", first.Header.Get("ETag"))
	answer, err := http.DefaultClient.Do(again)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNotModified {
		t.Errorf("got %d, want 304", answer.StatusCode)
	}
}

// TestPageLoadsOnlyWhatIsServedHere follows everything that the page and its files load. The policy of the
// page allows only local resources.
func TestPageLoadsOnlyWhatIsServedHere(t *testing.T) {
	server := httptest.NewServer(apidoc.Handler())
	t.Cleanup(server.Close)
	answer, page := call(t, http.MethodGet, server.URL+"/docs")
	if policy := answer.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy is %q", policy)
	}
	_, script := call(t, http.MethodGet, server.URL+"/docs/docs.js")
	loads := regexp.MustCompile(`(?:src|href|from|fetch)[=( ]+"([^"]+)"`).FindAllStringSubmatch(page+script, -1)
	if len(loads) < 5 {
		t.Fatalf("found only %d addresses", len(loads))
	}
	for _, load := range loads {
		if load[1] == "data:," {
			continue
		}
		path := strings.Replace(load[1], "./", "/docs/", 1)
		if answer, _ := call(t, http.MethodGet, server.URL+path); answer.StatusCode != http.StatusOK {
			t.Errorf("%s is answered %d", load[1], answer.StatusCode)
		}
	}
	if regexp.MustCompile(`<script>|<style|\son[a-z]+=|style="`).MatchString(page) {
		t.Error("the page holds script or style, which its policy forbids")
	}
}

func call(t *testing.T, method, url string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}
