package main

import (
	"net/http"
	"strings"

	"platform.internal/storekeeper/internal/apidoc"
	"platform.internal/storekeeper/internal/console"
)

// pages answers the public files and pages: the console, and the documentation
// of the API.
func pages() http.Handler {
	documentation, people := apidoc.Handler(), console.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, console.Root) {
			people.ServeHTTP(w, r)
			return
		}
		documentation.ServeHTTP(w, r)
	})
}
