// Package console serves the console: a page on which users see their identity and the latest
// changes, and put secrets by name, and on which operators see the state of the service.
//
// The page is embedded and needs no build step. It calls the REST API with the user's credential,
// which stays in the memory of the page. The package does not know any method or the caller.
package console

import (
	_ "embed" // For the files below.
	"net/http"

	"platform.internal/storekeeper/internal/webfile"
)

// Root is the path of the page.
const Root = "/console"

// The embedded files. They are strings, so that they are immutable.
var (
	//go:embed page/index.html
	page string
	//go:embed page/console.css
	style string
	//go:embed page/console.js
	script string
	//go:embed page/api.js
	apiScript string
	//go:embed page/dom.js
	domScript string
	//go:embed page/team.js
	teamScript string
	//go:embed page/secrets.js
	secretsScript string
	//go:embed page/status.js
	statusScript string
)

// Handler serves GET and HEAD of /console and the files below it. Any other
// request gets the failure envelope.
func Handler() http.Handler {
	served := map[string]*webfile.Asset{
		Root:                  webfile.New(page, webfile.HTML),
		Root + "/console.css": webfile.NewStyle(style),
		Root + "/console.js":  webfile.New(script, webfile.JavaScript),
		Root + "/api.js":      webfile.New(apiScript, webfile.JavaScript),
		Root + "/dom.js":      webfile.New(domScript, webfile.JavaScript),
		Root + "/team.js":     webfile.New(teamScript, webfile.JavaScript),
		Root + "/secrets.js":  webfile.New(secretsScript, webfile.JavaScript),
		Root + "/status.js":   webfile.New(statusScript, webfile.JavaScript),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served[webfile.Path(r)].Serve(w, r)
	})
}
