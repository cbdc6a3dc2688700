// Package webfile serves the embedded files of web pages, under one strict Content-Security-Policy.
//
// The package does not know the content of the files. All files are public: a page contains no
// data, and calls the API with the user's credential.
package webfile

import (
	"crypto/sha256"
	_ "embed" // For the file below.
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// Policy is the Content-Security-Policy. A page may load scripts and styles from the same server
// and call that server, and nothing else.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// The media types of the files of a page.
const (
	HTML       = "text/html; charset=utf-8"
	CSS        = "text/css; charset=utf-8"
	JavaScript = "text/javascript; charset=utf-8"
)

// The error answers, in the envelope of the REST API.
const (
	notFound   = `{"result":null,"success":false,"errors":[{"code":7000,"message":"No route for that URI"}],"messages":[]}`
	notAllowed = `{"result":null,"success":false,"errors":[{"code":7001,"message":"Method not allowed for this URI"}],"messages":[]}`
)

// Asset is one file.
type Asset struct {
	content   string
	mediaType string
	tag       string
}

//go:embed palette.css
var palette string

// NewStyle returns a style sheet that begins with the colours that all pages share.
func NewStyle(content string) *Asset { return New(palette+content, CSS) }

// New returns a file. The ETag is the start of the SHA-256 of the content.
func New(content, mediaType string) *Asset {
	sum := sha256.Sum256([]byte(content))
	return &Asset{content, mediaType, `"` + hex.EncodeToString(sum[:8]) + `"`}
}

// Serve answers GET and HEAD with the file. A nil File gives 404, and another method 405, both in
// the failure envelope.
func (f *Asset) Serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case f == nil:
		refuse(w, http.StatusNotFound, notFound)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, notAllowed)
	default:
		h := w.Header()
		h.Set("Content-Type", f.mediaType)
		h.Set("Content-Security-Policy", Policy)
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

// Path returns the path of a request without a trailing slash, which users may type.
func Path(r *http.Request) string { return strings.TrimSuffix(r.URL.Path, "/") }
