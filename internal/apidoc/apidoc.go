// Package apidoc serves the API documentation: the OpenAPI document, a page
// that shows it and tries calls, and the descriptor set of the gRPC services.
//
// The document is generated from proto/ and embedded. The package must not know
// any method, nor who calls: all of it is public.
package apidoc

import (
	_ "embed" // For the files below.
	"net/http"
	"sync"

	"google.golang.org/protobuf/reflect/protoregistry"

	"platform.internal/storekeeper/internal/webfile"
)

// The embedded files, as immutable strings.
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

// Protos is the path of the descriptor set of the gRPC API.
const Protos = "/protos.binpb"

// Handler serves GET and HEAD of /openapi.json, /protos.binpb, /docs and the
// files below /docs/. Any other request gets the failure envelope.
func Handler() http.Handler {
	served := map[string]*webfile.Asset{
		"/openapi.json":   webfile.New(document, "application/json"),
		"/docs":           webfile.New(page, webfile.HTML),
		"/docs/docs.css":  webfile.NewStyle(style),
		"/docs/docs.js":   webfile.New(script, webfile.JavaScript),
		"/docs/schema.js": webfile.New(schemaScript, webfile.JavaScript),
	}
	// Built at the first request, so that it does not delay the start.
	protos := sync.OnceValue(func() *webfile.Asset {
		return webfile.New(descriptorSet(protoregistry.GlobalFiles), "application/x-protobuf")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := webfile.Path(r)
		file := served[path]
		if path == Protos {
			file = protos()
		}
		file.Serve(w, r)
	})
}
