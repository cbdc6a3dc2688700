package gateway

import (
	"math"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/cfjson"
	"platform.internal/storekeeper/internal/telemetry"
)

// errorWriter writes every answer of Cloudflare's API that is not a success.
type errorWriter struct {
	routes   *routes
	unrouted func(r *http.Request, id string, status int)
}

// fault answers a call that an RPC refused.
func (a *errorWriter) fault(w http.ResponseWriter, rpc string, header metadata.MD, err error) {
	f := parseStatus(err)
	s := f.restError(rpc)
	relay(header, w.Header())
	f.setHeaders(w.Header(), s)
	errors, messages := f.lists(s, a.routes.bodies[rpc])
	write(w, s.status, cfjson.Failure(errors, messages))
}

// setHeaders sets the headers of a failed call.
func (f failure) setHeaders(h http.Header, s restError) {
	if s.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="storekeeper", error_description="`+strings.ReplaceAll(f.text, `"`, "'")+`"`)
	}
	if f.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.retry.Seconds()))))
	}
	if s.noRetry {
		h.Set("X-Should-Retry", "false")
	}
}

// noMethod answers a method that no RPC of the path serves.
func (a *errorWriter) noMethod(w http.ResponseWriter, r *http.Request, allowed string) {
	w.Header().Set("Allow", allowed)
	a.refuse(w, r, http.StatusMethodNotAllowed, 7001, "Method not allowed for this URI")
}

func (a *errorWriter) noRoute(w http.ResponseWriter, r *http.Request) {
	text := "No route for that URI"
	if r.URL.Path == "/" && r.Method == http.MethodGet {
		text += ": the APIs are below " + Root + " and " + NativeRoot + ", their description at /openapi.json and their explorer at /docs"
	}
	a.refuse(w, r, http.StatusNotFound, 7000, text)
}

// wrongBase answers a client whose base URL lacks Root. The status is 400, because after a 404
// Terraform would remove everything from its state.
func (a *errorWriter) wrongBase(w http.ResponseWriter, r *http.Request) {
	a.refuse(w, r, http.StatusBadRequest, 7003, "Could not route to "+r.URL.Path+": the base URL of the client must end in "+Root)
}

func (a *errorWriter) refuse(w http.ResponseWriter, r *http.Request, status int, code int32, message string) {
	id := setRequestID(w, r)
	write(w, status, cfjson.Failure([]*secretsstorev1.Notice{{Code: proto.Int32(code), Message: message}}, nil))
	a.unrouted(r, id, status)
}

// panicked answers a request during which the gateway panicked.
func (a *errorWriter) panicked(w http.ResponseWriter, r *http.Request) {
	a.refuse(w, r, http.StatusInternalServerError, 1000, "internal: Storekeeper failed to handle the call.")
}

// setRequestID sets the request id of an answer made by the gateway.
func setRequestID(w http.ResponseWriter, r *http.Request) string {
	id := telemetry.RequestID(strings.Join(r.Header["X-Request-Id"], ","))
	w.Header().Set("X-Request-Id", id)
	return id
}

// jsonType is the content type of every answer. It must not be changed.
var jsonType = []string{"application/json"}

func write(w http.ResponseWriter, status int, text []byte) {
	h := w.Header()
	h["Content-Type"] = jsonType
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	// The client may be gone.
	_, _ = w.Write(text)
}
