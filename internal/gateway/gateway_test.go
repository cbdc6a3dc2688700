package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/durationpb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/gateway"
)

const quotaPath = "/client/v4/accounts/main/secrets_store/quota"

// conn carries calls to a function.
type conn func(ctx context.Context, method string, args, reply any) (metadata.MD, error)

func (c conn) Call(ctx context.Context, rpc string, md metadata.MD, fill func(any) error) (answer any, header metadata.MD, err error) {
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll(rpc[1:], "/", ".")))
	if err != nil {
		return nil, nil, err
	}
	m, _ := found.(protoreflect.MethodDescriptor)
	request, reply := newMessage(m.Input()), newMessage(m.Output())
	if err := fill(request); err != nil {
		return nil, nil, err
	}
	header, err = c(metadata.NewIncomingContext(ctx, md), rpc, request, reply)
	return reply, header, err
}

func newMessage(of protoreflect.MessageDescriptor) proto.Message {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(of.FullName())
	if err != nil {
		panic(err)
	}
	return kind.New().Interface()
}

// facade is a gateway in front of a connection.
type facade struct {
	http.Handler

	unrouted []int
}

func serve(t *testing.T, c conn) *facade {
	t.Helper()
	f := &facade{}
	handler := gateway.New(gateway.Config{
		Conn: c,
		Authenticate: func(_ context.Context, c authn.Credentials) authn.Authentication {
			if c.Authorization == "" {
				return authn.Authentication{Err: fault.New(fault.Unauthenticated, "CREDENTIAL_MISSING", "Nobody.")}
			}
			return authn.Authentication{Principal: authn.Principal{Name: c.Authorization}}
		},
		Pages:    http.NotFoundHandler(),
		Unrouted: func(_ *http.Request, _ string, status int) { f.unrouted = append(f.unrouted, status) },
	})
	f.Handler = handler
	return f
}

// answer is the result of a request.
type answer struct {
	status int
	header http.Header
	body   string
	Errors []struct {
		Code    int
		Message string
		Source  *struct{ Pointer string }
	}
	Messages []struct {
		Code    *int
		Message string
	}
}

func (f *facade) ask(t *testing.T, method, path, body string) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer someone")
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	got := answer{status: w.Code, header: w.Header(), body: w.Body.String()}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%v in %d %v %q", err, w.Code, w.Header(), w.Body)
	}
	return got
}

func failing(err error) conn {
	return func(context.Context, string, any, any) (metadata.MD, error) { return nil, err }
}

func withDetails(t *testing.T, code codes.Code, details ...protoadapt.MessageV1) error {
	t.Helper()
	s, err := status.New(code, "A sentence.").WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return s.Err()
}

// The columns "HTTP", "Cloudflare code" and "retry hint" of the table of faults
// in the contract.
func TestEachFaultHasItsFormInREST(t *testing.T) {
	for _, tc := range []struct {
		name, reason string
		code         codes.Code
		retry        time.Duration
		status, cf   int
		message      string
		final        bool
	}{
		{"bad input", "SECRET_NAME_EMPTY", codes.InvalidArgument, 0, 400, 1001, "secret_name_empty", false},
		{"too large", "REQUEST_TOO_LARGE", codes.InvalidArgument, 0, 413, 1001, "request_too_large", false},
		{"not found", "STORE_NOT_FOUND", codes.NotFound, 0, 404, 1001, "store_not_found", false},
		{"name taken", "SECRET_NAME_ALREADY_EXISTS", codes.AlreadyExists, 0, 400, 1003, "secret_name_already_exists", false},
		{"limit reached", "MAXIMUM_STORES_EXCEEDED", codes.FailedPrecondition, 0, 400, 1003, "maximum_stores_exceeded", false},
		{"store not empty", "STORE_NOT_EMPTY", codes.FailedPrecondition, 0, 409, 1003, "store_not_empty", true},
		{"bad credential", "CREDENTIAL_UNKNOWN", codes.Unauthenticated, 0, 401, 10000, "Authentication error", false},
		{"caller may not", "NOT_ALLOWED", codes.PermissionDenied, 0, 403, 9109, "Unauthorized to access requested resource", false},
		{"same key, other payload", "IDEMPOTENCY_KEY_REUSED", codes.InvalidArgument, 0, 422, 1001, "idempotency_key_reused: A sentence.", false},
		{"budget spent", "UPSTREAM_THROTTLED", codes.ResourceExhausted, 1500 * time.Millisecond, 429, 971, "upstream_throttled: A sentence.", false},
		{"upstream down", "UPSTREAM_UNAVAILABLE", codes.Unavailable, time.Second, 503, 1000, "upstream_unavailable: A sentence.", false},
		{"change lost", "UPSTREAM_ANSWER_LOST", codes.Unavailable, 0, 503, 1000, "upstream_answer_lost: A sentence.", false},
		{"deadline", "DEADLINE_EXCEEDED", codes.DeadlineExceeded, 0, 504, 1000, "deadline_exceeded: A sentence.", false},
		{"deadline of a change", "UPSTREAM_ANSWER_LOST", codes.DeadlineExceeded, 0, 504, 1000, "upstream_answer_lost: A sentence.", false},
		{"an answer to a change that says nothing", "UPSTREAM_ANSWER_LOST", codes.Internal, 0, 502, 1000, "upstream_answer_lost: A sentence.", false},
		{"a change that was throttled", "UPSTREAM_ANSWER_LOST", codes.ResourceExhausted, 1500 * time.Millisecond, 429, 971, "upstream_answer_lost: A sentence.", false},
		{"our credential refused", "UPSTREAM_CREDENTIAL_REFUSED", codes.Internal, 0, 502, 1000, "upstream_credential_refused: A sentence.", true},
		{"our bug", "INTERNAL", codes.Internal, 0, 500, 1000, "internal: A sentence.", true},
		{"a code that nobody chose", "X", codes.DataLoss, 0, 500, 1000, "x: A sentence.", true},
		{"the caller left", "CANCELED", codes.Canceled, 0, 499, 1000, "canceled: A sentence.", false},
		{"not there", "UNIMPLEMENTED", codes.Unimplemented, 0, 501, 1000, "unimplemented: A sentence.", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: tc.reason}}
			after := ""
			if tc.retry > 0 {
				details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(tc.retry)})
				after = strconv.Itoa(int((tc.retry + time.Second - 1) / time.Second))
			}
			got := serve(t, failing(withDetails(t, tc.code, details...))).ask(t, "GET", quotaPath, "")
			if got.status != tc.status || len(got.Errors) != 1 || got.Errors[0].Code != tc.cf || got.Errors[0].Message != tc.message {
				t.Errorf("%d %s", got.status, got.body)
			}
			if (got.header.Get("X-Should-Retry") == "false") != tc.final || got.header.Get("Retry-After") != after {
				t.Errorf("headers %v", got.header)
			}
		})
	}
}

// The error itself is Cloudflare's word.
func TestHowLongABodyMayBeStandsInMessages(t *testing.T) {
	got := serve(t, failing(withDetails(t, codes.InvalidArgument, &errdetails.ErrorInfo{Reason: "REQUEST_TOO_LARGE"}))).ask(t, "GET", quotaPath, "")
	if len(got.Messages) != 1 || got.Messages[0].Message != "A sentence." || *got.Messages[0].Code != got.Errors[0].Code {
		t.Errorf("%s", got.body)
	}
}

func TestAStatusWithoutDetailsIsAnEnvelopeToo(t *testing.T) {
	for _, err := range []error{status.Error(codes.Unavailable, "x"), errors.New("x"), context.DeadlineExceeded} {
		got := serve(t, failing(err)).ask(t, "GET", quotaPath, "")
		if got.status < 500 || len(got.Errors) != 1 {
			t.Errorf("%v: %d %s", err, got.status, got.body)
		}
	}
}

func TestFieldsArePlacedAsTheClientSeesThem(t *testing.T) {
	secrets := "/client/v4/accounts/main/secrets_store/stores/" + strings.Repeat("a", 32) + "/secrets"
	secret := secrets + "/" + strings.Repeat("b", 32)
	for _, tc := range []struct{ name, method, path, body, field, pointer, message string }{
		{"an item of an array", "POST", secrets, "[]", "secrets[3].scopes[1]", "/3/scopes/1", "[3].scopes[1]: T"},
		{"the array itself", "POST", secrets, "[]", "secrets", "", "body: T"},
		{"the body", "PATCH", secret, "{}", "body", "", "body: T"},
		{"a key of an object", "PATCH", secret, "{}", "comment", "/comment", "comment: T"},
		{"a key that must be escaped", "PATCH", secret, "{}", "a/b~c", "/a~1b~0c", "a/b~c: T"},
		{"a header", "PATCH", secret, "{}", "idempotency-key", "", "idempotency-key: T"},
		{"a header beside an array", "POST", secrets, "[]", "x-stainless-retry-count", "", "x-stainless-retry-count: T"},
		{"a key of a query", "GET", secrets, "", "per_page", "", "per_page: T"},
		{"what Cloudflare pointed at", "POST", secrets, "[]", "/0/x", "/0/x", "/0/x: T"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := serve(t, failing(withDetails(t, codes.InvalidArgument, &errdetails.ErrorInfo{Reason: "R"}, &errdetails.BadRequest{
				FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: tc.field, Description: "T", Reason: "SOME_WORD"}},
			})))
			got := f.ask(t, tc.method, tc.path, tc.body)
			if len(got.Errors) != 1 || got.Errors[0].Message != "some_word" || len(got.Messages) != 1 || got.Messages[0].Message != tc.message {
				t.Fatalf("%s", got.body)
			}
			if source := got.Errors[0].Source; (source == nil) != (tc.pointer == "") || source != nil && source.Pointer != tc.pointer {
				t.Errorf("%s", got.body)
			}
		})
	}
}

func TestNoticesOfCloudflareStandInPlaceOfOurs(t *testing.T) {
	f := serve(t, failing(withDetails(t, codes.InvalidArgument, &errdetails.ErrorInfo{Reason: "R"},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "x", Description: "ours", Reason: "R"}}},
		&secretsstorev1.Notice{Message: "theirs"})))
	got := f.ask(t, "GET", quotaPath, "")
	if len(got.Messages) != 1 || got.Messages[0].Message != "theirs" || got.Messages[0].Code != nil {
		t.Errorf("%s", got.body)
	}
}

func TestAPanicIsAnEnvelopeThatShowsNothing(t *testing.T) {
	for _, with := range []any{"a secret", errors.New("a secret"), nil} {
		f := serve(t, func(context.Context, string, any, any) (metadata.MD, error) { panic(with) })
		got := f.ask(t, "GET", quotaPath, "")
		if got.status != http.StatusInternalServerError || got.Errors[0].Code != 1000 || strings.Contains(got.body, "secret ") || got.header.Get("X-Request-Id") == "" {
			t.Errorf("%d %v %s", got.status, got.header, got.body)
		}
		if len(f.unrouted) != 1 || f.unrouted[0] != http.StatusInternalServerError {
			t.Errorf("the log hears %v", f.unrouted)
		}
	}
}
