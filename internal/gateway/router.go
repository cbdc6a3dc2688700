package gateway

import (
	"net/http"
	"strings"
)

// router serves the routes of one API.
type router struct {
	routes *routes
	// bySlashes holds the routes by the number of slashes in their path.
	bySlashes [][]boundRoute
	failures  failures
}

// boundRoute is a route with its handler. inPath holds the values of the route's parameters.
type boundRoute struct {
	*route

	serve func(w http.ResponseWriter, r *http.Request, inPath []string)
}

// add adds a route.
func (m *router) add(to boundRoute) {
	n := len(to.segments) - 1
	for len(m.bySlashes) <= n {
		m.bySlashes = append(m.bySlashes, nil)
	}
	m.bySlashes[n] = append(m.bySlashes[n], to)
}

// ServeHTTP routes by RawPath, in which an escaped slash does not end a segment. The handler always sets
// RawPath.
func (m *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.RawPath
	if n := strings.Count(path, "/"); n < len(m.bySlashes) {
		for _, to := range m.bySlashes[n] {
			if to.method == r.Method && to.matches(path) {
				to.serve(w, r, to.values(path))
				return
			}
		}
	}
	if allowed := m.routes.allowed(path); len(allowed) > 0 {
		m.failures.noMethod(w, r, strings.Join(allowed, ", "))
		return
	}
	m.failures.noRoute(w, r)
}
