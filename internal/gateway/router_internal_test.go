package gateway

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
)

// plainFailures answers as a mux of grpc-gateway does.
type plainFailures struct{}

func (plainFailures) noRoute(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNotFound)
}

func (plainFailures) noMethod(w http.ResponseWriter, _ *http.Request, allowed string) {
	w.Header().Set("Allow", allowed)
	w.WriteHeader(http.StatusMethodNotAllowed)
}

func (plainFailures) panicked(http.ResponseWriter, *http.Request) {}

// bothMuxes returns the router of all routes and a mux of grpc-gateway with the same routes. A route answers
// with its RPC and the parameters in its path.
func bothMuxes(t *testing.T, all *routes) (*router, *runtime.ServeMux) {
	t.Helper()
	own := &router{routes: all, failures: plainFailures{}}
	theirs := runtime.NewServeMux(
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptSlash), runtime.WithDisablePathLengthFallback(),
		runtime.WithRoutingErrorHandler(func(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, status int) {
			w.WriteHeader(status)
		}),
	)
	for _, to := range all.paths {
		own.add(boundRoute{route: to, serve: func(w http.ResponseWriter, _ *http.Request, inPath []string) {
			for i, in := range to.parameters {
				_, _ = fmt.Fprintf(w, "%s=%s ", in.field.Name(), inPath[i])
			}
			_, _ = fmt.Fprint(w, to.rpc)
		}})
		err := theirs.HandlePath(to.method, to.path, func(w http.ResponseWriter, _ *http.Request, inPath map[string]string) {
			for _, in := range to.parameters {
				_, _ = fmt.Fprintf(w, "%s=%s ", in.field.Name(), inPath[string(in.field.Name())])
			}
			_, _ = fmt.Fprint(w, to.rpc)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return own, theirs
}

// TestARequestIsRoutedAsByGRPCGateway compares the router with a mux of grpc-gateway, for the declared paths
// and paths like them. The handler refuses an empty segment before the router.
func TestARequestIsRoutedAsByGRPCGateway(t *testing.T) {
	all := readRoutes(
		identityv1.File_storekeeper_identity_v1_identity_proto, secretsstorev1.File_secretsstore_v1_service_proto,
		storekeeperv1.File_storekeeper_v1_self_proto, storekeeperv1.File_storekeeper_v1_changes_proto,
		storekeeperv1.File_storekeeper_v1_secrets_proto, storekeeperv1.File_storekeeper_v1_operator_proto,
	)
	own, theirs := bothMuxes(t, all)
	paths := map[string]bool{"/": true, "/client/v4": true, "/unknown/a/b/c/d/e/f/g/h/i/j/k/l": true}
	for _, r := range all.paths {
		paths[r.path] = true
		for _, value := range []string{"an", "a%2Fb", "a%2fb", "%C3%A9", "%ff", "a+b", "a%20b", "a%252Fb", "a:b", "%7B", "a%3Fb;c", "..", "."} {
			segments := strings.Split(r.path, "/")
			for _, in := range r.parameters {
				segments[in.segment] = value
			}
			sent := strings.Join(segments, "/")
			paths[sent], paths[sent+"/more"], paths[sent+":verb"], paths[sent+"%3Averb"] = true, true, true, true
			paths[strings.ToUpper(sent)] = true
			paths[sent[:strings.LastIndexByte(sent, '/')]] = true
			paths[strings.Replace(sent, "stores", "%73tores", 1)] = true
		}
	}
	for path := range paths {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"} {
			var answers [2]string
			for i, mux := range []http.Handler{own, theirs} {
				r := httptest.NewRequest(method, "http://storekeeper/", http.NoBody)
				r.URL.Path, r.URL.RawPath = path, path
				w := httptest.NewRecorder()
				mux.ServeHTTP(w, r)
				if w.Code == http.StatusOK {
					answers[i] = w.Body.String()
				} else {
					answers[i] = w.Result().Status
				}
			}
			if answers[0] != answers[1] {
				t.Errorf("%s %s: %s, by grpc-gateway %s", method, path, answers[0], answers[1])
			}
		}
	}
}
