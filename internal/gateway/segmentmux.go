package gateway

import (
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
)

// segmentMux routes a request among the routes whose path has as many segments as that of the request. A
// mux of grpc-gateway tries one route after the other, and takes memory for each. No parameter of a route
// spans several segments.
type segmentMux struct {
	// bySegments holds a mux for each number of segments, nil where no route has as many.
	bySegments []*runtime.ServeMux
	// others has no route.
	others *runtime.ServeMux
}

// of returns the mux of a path, and makes it if there is none.
func (m *segmentMux) of(path string, options []runtime.ServeMuxOption) *runtime.ServeMux {
	n := strings.Count(path, "/")
	for len(m.bySegments) <= n {
		m.bySegments = append(m.bySegments, nil)
	}
	if m.bySegments[n] == nil {
		m.bySegments[n] = runtime.NewServeMux(options...)
	}
	return m.bySegments[n]
}

// ServeHTTP routes by RawPath, as the muxes do: an escaped slash does not end a segment. The handler always
// sets RawPath.
func (m *segmentMux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux := m.others
	if n := strings.Count(r.URL.RawPath, "/"); n < len(m.bySegments) && m.bySegments[n] != nil {
		mux = m.bySegments[n]
	}
	mux.ServeHTTP(w, r)
}
