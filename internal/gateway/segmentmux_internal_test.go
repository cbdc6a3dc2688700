package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
)

// TestARequestIsRoutedAsByOneMux compares the answers of a mux for each number of segments with those of one
// mux with all routes.
func TestARequestIsRoutedAsByOneMux(t *testing.T) {
	all := readRoutes(
		identityv1.File_storekeeper_identity_v1_identity_proto, secretsstorev1.File_secretsstore_v1_service_proto,
		storekeeperv1.File_storekeeper_v1_self_proto, storekeeperv1.File_storekeeper_v1_changes_proto,
		storekeeperv1.File_storekeeper_v1_secrets_proto, storekeeperv1.File_storekeeper_v1_operator_proto,
	).paths
	options := []runtime.ServeMuxOption{
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptSlash), runtime.WithDisablePathLengthFallback(),
	}
	one, split := runtime.NewServeMux(options...), &segmentMux{others: runtime.NewServeMux(options...)}
	paths := map[string]bool{"/": true, "/client/v4": true, "/unknown/a/b/c/d/e/f/g/h/i/j/k/l": true}
	for _, r := range all {
		answer := func(w http.ResponseWriter, _ *http.Request, in map[string]string) {
			for _, name := range []string{"account_id", "account", "store_id", "store", "secret_id", "name"} {
				_, _ = w.Write([]byte(name + "=" + in[name] + " "))
			}
			_, _ = w.Write([]byte(r.rpc))
		}
		for _, mux := range []*runtime.ServeMux{one, split.of(r.path, options)} {
			if err := mux.HandlePath(r.method, r.path, answer); err != nil {
				t.Fatal(err)
			}
		}
		if strings.Contains(r.path, "**") || strings.Contains(r.path, "=") {
			t.Errorf("%s: a parameter may span several segments", r.path)
		}
		sent := strings.NewReplacer("{", "an", "}", "a%2Fb").Replace(r.path)
		paths[r.path], paths[sent], paths[sent+"/more"], paths[sent+":verb"] = true, true, true, true
		paths[sent[:strings.LastIndexByte(sent, '/')]] = true
	}
	for path := range paths {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"} {
			var answers [2]string
			for i, mux := range []http.Handler{one, split} {
				r := httptest.NewRequest(method, "http://storekeeper/", http.NoBody)
				r.URL.Path, r.URL.RawPath = path, path
				w := httptest.NewRecorder()
				mux.ServeHTTP(w, r)
				answers[i] = w.Result().Status + " " + w.Body.String()
			}
			if answers[0] != answers[1] {
				t.Errorf("%s %s: %s, by one mux %s", method, path, answers[1], answers[0])
			}
		}
	}
}
