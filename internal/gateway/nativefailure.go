package gateway

import (
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"platform.internal/storekeeper/internal/cfjson"
	"platform.internal/storekeeper/internal/fault"
)

// nativeErrorWriter writes every answer of Storekeeper's own API that is not a
// success: the JSON of google.rpc.Status, with its details.
type nativeErrorWriter struct {
	unrouted func(r *http.Request, id string, status int)
}

// fault answers a call that an RPC refused.
func (a *nativeErrorWriter) fault(w http.ResponseWriter, rpc string, header metadata.MD, err error) {
	f := parseStatus(err)
	s := f.restError(rpc)
	relay(header, w.Header())
	f.setHeaders(w.Header(), s)
	write(w, s.status, statusJSON(status.Convert(err)))
}

// statusJSON returns the JSON of a status.
func statusJSON(st *status.Status) []byte {
	text, err := cfjson.Message(st.Proto())
	if err != nil {
		// A detail of an unknown type. Code and message always have a JSON form.
		text, _ = cfjson.Message(status.New(st.Code(), st.Message()).Proto())
	}
	return text
}

// noMethod answers a method that no RPC of the path serves.
func (a *nativeErrorWriter) noMethod(w http.ResponseWriter, r *http.Request, allowed string) {
	w.Header().Set("Allow", allowed)
	a.refuse(w, r, http.StatusMethodNotAllowed, newStatus(codes.Unimplemented, fault.ReasonMethodUnknown, "The path has no such HTTP method; it has "+allowed+"."))
}

func (a *nativeErrorWriter) noRoute(w http.ResponseWriter, r *http.Request) {
	a.refuse(w, r, http.StatusNotFound, newStatus(codes.Unimplemented, fault.ReasonMethodUnknown, "There is no such path; the paths are in /openapi.json."))
}

// panicked answers a request during which the gateway panicked.
func (a *nativeErrorWriter) panicked(w http.ResponseWriter, r *http.Request) {
	a.refuse(w, r, http.StatusInternalServerError, newStatus(codes.Internal, fault.ReasonInternal, "Storekeeper failed to handle the call."))
}

func (a *nativeErrorWriter) refuse(w http.ResponseWriter, r *http.Request, code int, st *status.Status) {
	id := setRequestID(w, r)
	write(w, code, statusJSON(st))
	a.unrouted(r, id, code)
}

// newStatus returns a status that the gateway itself makes.
func newStatus(code codes.Code, reason, text string) *status.Status {
	st := status.New(code, text)
	if with, err := st.WithDetails(protoadapt.MessageV1Of(&errdetails.ErrorInfo{Reason: reason, Domain: fault.Domain})); err == nil {
		return with
	}
	return st
}
