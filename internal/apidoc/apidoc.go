// Package apidoc serves the API documentation: the OpenAPI document, a page
// that shows it and tries calls, and the descriptor set of the gRPC services.
//
// The document is generated from proto/ and embedded. The package must not know
// any method, nor who calls: all of it is public.
package apidoc

import (
	"crypto/sha256"
	_ "embed" // For the files below.
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/reflect/protoregistry"
)

// The embedded files. They are strings, so nobody can change them.
var (
	//go:embed openapi.json
	document string
	//go:embed page/index.html
	page string
	//go:embed page/docs.css
	style string
	//go:embed page/docs.js
	script string
	//go:embed page/schema.js
	schemaScript string
)

// policy is the Content-Security-Policy. The page may load its own script and
// style and call its own server, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// The error answers, in the envelope of the REST API.
const (
	notFound   = `{"result":null,"success":false,"errors":[{"code":7000,"message":"No route for that URI"}],"messages":[]}`
	notAllowed = `{"result":null,"success":false,"errors":[{"code":7001,"message":"Method not allowed for this URI"}],"messages":[]}`
)

// Protos is the path of the descriptor set of the gRPC API.
const Protos = "/protos.binpb"

// asset is one file to serve.
type asset struct {
	content   string
	mediaType string
	tag       string
}

func newAsset(content, mediaType string) asset {
	sum := sha256.Sum256([]byte(content))
	return asset{content, mediaType, `"` + hex.EncodeToString(sum[:8]) + `"`}
}

// Handler serves GET and HEAD of /openapi.json, /protos.binpb, /docs and the
// files below /docs/. Any other request gets the failure envelope.
func Handler() http.Handler {
	const javascript = "text/javascript; charset=utf-8"
	served := map[string]asset{
		"/openapi.json":   newAsset(document, "application/json"),
		"/docs":           newAsset(page, "text/html; charset=utf-8"),
		"/docs/docs.css":  newAsset(style, "text/css; charset=utf-8"),
		"/docs/docs.js":   newAsset(script, javascript),
		"/docs/schema.js": newAsset(schemaScript, javascript),
	}
	// Built at the first request, so that it does not delay the start.
	protos := sync.OnceValue(func() asset {
		return newAsset(descriptorSet(protoregistry.GlobalFiles), "application/x-protobuf")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// People type "/docs/".
		path := strings.TrimSuffix(r.URL.Path, "/")
		f, found := served[path]
		if path == Protos {
			f, found = protos(), true
		}
		serve(w, r, f, found)
	})
}

// serve answers one request.
func serve(w http.ResponseWriter, r *http.Request, f asset, found bool) {
	switch {
	case !found:
		refuse(w, http.StatusNotFound, notFound)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, notAllowed)
	default:
		h := w.Header()
		h.Set("Content-Type", f.mediaType)
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", f.tag)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(f.content))
	}
}

// refuse answers with a failure envelope.
func refuse(w http.ResponseWriter, status int, envelope string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The caller may have left.
	_, _ = w.Write([]byte(envelope))
}
