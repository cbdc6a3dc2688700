package gateway_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
)

const mePath = "/storekeeper/v1/me"

// askNative sends a request and returns the whole answer.
func (f *facade) askNative(t *testing.T, method, path, body string) (*httptest.ResponseRecorder, nativeStatus) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer someone")
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	var st nativeStatus
	if err := json.Unmarshal(w.Body.Bytes(), &st); err != nil || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%v in %d %v %q", err, w.Code, w.Header(), w.Body)
	}
	return w, st
}

// nativeStatus is google.rpc.Status as JSON.
type nativeStatus struct {
	Code    int
	Message string
	Details []map[string]any
}

func TestAnAnswerOfTheOwnAPIIsTheMessageAsJSON(t *testing.T) {
	f := serve(t, func(_ context.Context, method string, _, reply any) (metadata.MD, error) {
		if method != storekeeperv1.SelfService_WhoAmI_FullMethodName {
			t.Errorf("%s was called", method)
		}
		out, _ := reply.(*storekeeperv1.WhoAmIResponse)
		out.Caller = "alice"
		out.Credential = &storekeeperv1.CallerCredential{Kind: "jwt", IssuerName: "github", Expires: timestamppb.New(time.Unix(1700000000, 0))}
		return metadata.Pairs("x-request-id", "r1", "cf-ray", "ray"), nil
	})
	for range 20 { // protojson adds white space at random
		got, _ := f.askNative(t, http.MethodGet, mePath, "")
		const want = `{"caller":"alice","tenant":"","groups":[],"credential":{"kind":"jwt","issuerName":"github","issuer":"","subject":"","id":"","expires":"2023-11-14T22:13:20Z"},"tenantId":""}`
		if got.Code != http.StatusOK || got.Body.String() != want {
			t.Fatalf("%d %s", got.Code, got.Body)
		}
		if h := got.Header(); h.Get("X-Request-Id") != "r1" || h.Get("Cf-Ray") != "ray" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Fatalf("headers %v", h)
		}
	}
}

func TestAFailureOfTheOwnAPIIsAStatusAsJSON(t *testing.T) {
	info := &errdetails.ErrorInfo{Reason: "SOME_REASON", Domain: "d", Metadata: map[string]string{"action": "secret.get"}}
	for _, tc := range []struct {
		name       string
		err        error
		status     int
		retryAfter string
		header     string
	}{
		{"bad input", withDetails(t, codes.InvalidArgument, info), 400, "", ""},
		{"no credential", withDetails(t, codes.Unauthenticated, info), 401, "", "Www-Authenticate"},
		{"denied", withDetails(t, codes.PermissionDenied, info), 403, "", ""},
		{"not found", withDetails(t, codes.NotFound, info), 404, "", ""},
		{"taken", withDetails(t, codes.AlreadyExists, info), 400, "", ""},
		{"throttled", withDetails(t, codes.ResourceExhausted, info, &errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)}), 429, "2", ""},
		{"unavailable", withDetails(t, codes.Unavailable, info, &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)}), 503, "1", ""},
		{"late", withDetails(t, codes.DeadlineExceeded, info), 504, "", ""},
		{"a bug", withDetails(t, codes.Internal, info), 500, "", "X-Should-Retry"},
		{"upstream", withDetails(t, codes.Internal, &errdetails.ErrorInfo{Reason: "UPSTREAM_REFUSED", Domain: "d", Metadata: info.Metadata}), 502, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, st := serve(t, failing(tc.err)).askNative(t, http.MethodGet, mePath, "")
			if got.Code != tc.status || got.Header().Get("Retry-After") != tc.retryAfter {
				t.Errorf("status %d, headers %v", got.Code, got.Header())
			}
			if tc.header != "" && got.Header().Get(tc.header) == "" {
				t.Errorf("no header %s", tc.header)
			}
			if st.Code == 0 || st.Message != "A sentence." || len(st.Details) == 0 {
				t.Fatalf("%s", got.Body)
			}
			if first := st.Details[0]; first["@type"] != "type.googleapis.com/google.rpc.ErrorInfo" || first["metadata"].(map[string]any)["action"] != "secret.get" {
				t.Errorf("%s", got.Body)
			}
		})
	}
}

func TestPathsOfTheOwnAPIThatDoNotExist(t *testing.T) {
	for _, tc := range []struct {
		name, method, path string
		status             int
		allow              string
	}{
		{"another path", http.MethodGet, "/storekeeper/v1/nothing", 404, ""},
		{"another version", http.MethodGet, "/storekeeper/v9/me", 404, ""},
		{"an empty segment", http.MethodGet, "/storekeeper/v1//me/", 404, ""},
		{"an escaped slash", http.MethodGet, "/storekeeper/v1/me%2F", 404, ""},
		{"another method", http.MethodDelete, mePath, 405, "GET"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := serve(t, func(_ context.Context, method string, _, _ any) (metadata.MD, error) {
				t.Errorf("%s was called", method)
				return nil, nil
			})
			got, st := f.askNative(t, tc.method, tc.path, "")
			if got.Code != tc.status || got.Header().Get("Allow") != tc.allow || got.Header().Get("X-Request-Id") == "" {
				t.Errorf("status %d, headers %v", got.Code, got.Header())
			}
			if st.Code != int(codes.Unimplemented) || len(st.Details) != 1 || st.Details[0]["reason"] != "METHOD_UNKNOWN" {
				t.Errorf("%s", got.Body)
			}
			if len(f.unrouted) != 1 || f.unrouted[0] != tc.status {
				t.Errorf("logged %v", f.unrouted)
			}
		})
	}
}

// Wrangler's base URL ends in a slash; so may that of any other client.
func TestADoubleSlashAfterTheRootIsOne(t *testing.T) {
	called := false
	f := serve(t, func(context.Context, string, any, any) (metadata.MD, error) {
		called = true
		return nil, nil
	})
	if got, _ := f.askNative(t, http.MethodGet, "/storekeeper/v1//me", ""); got.Code != http.StatusOK || !called {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

func TestAPanicOfTheGatewayHasTheFormOfTheAPI(t *testing.T) {
	f := serve(t, func(context.Context, string, any, any) (metadata.MD, error) { panic("a value") })
	got, st := f.askNative(t, http.MethodGet, mePath, "")
	if got.Code != http.StatusInternalServerError || st.Code != int(codes.Internal) || strings.Contains(got.Body.String(), "a value") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}
