package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/gateway"
	"platform.internal/storekeeper/internal/inflight"
)

// onNetwork serves a gateway whose RPCs return the mistakes in a request.
func onNetwork(t *testing.T, limits inflight.Limits) string {
	t.Helper()
	refuse := conn(func(ctx context.Context, _ string, _, _ any) (metadata.MD, error) {
		if f := contract.MistakesFrom(ctx).Fault; f != nil {
			return nil, statusOf(f)
		}
		return nil, nil
	})
	handler := gateway.New(gateway.Config{
		Conn: refuse, Bodies: inflight.New(limits), Pages: http.NotFoundHandler(), Unrouted: func(*http.Request, string, int) {},
		Authenticate: func(_ context.Context, c authn.Credentials) authn.Authentication {
			return authn.Authentication{Principal: authn.Principal{Name: c.Authorization}}
		},
	})
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// send sends the beginning of a body and waits for the answer.
func send(t *testing.T, address string, length int, body string) *http.Response {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_, err = fmt.Fprintf(c, "POST /client/v4/accounts/main/secrets_store/stores HTTP/1.1\r\nHost: x\r\nAuthorization: me\r\nContent-Length: %d\r\n\r\n%s", length, body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

func TestABodyThatIsTooSlowIsRefused(t *testing.T) {
	limits := inflight.DefaultLimits()
	limits.Grace, limits.Rate = time.Millisecond, 1<<30
	answer := send(t, onNetwork(t, limits), 1<<20, `{"name":"`+strings.Repeat("a", 200_000))
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(text), "body_too_slow") {
		t.Errorf("%v %s %s", err, answer.Status, text)
	}
}

func TestABodyForWhichThereIsNoRoomIsRefused(t *testing.T) {
	limits := inflight.DefaultLimits()
	limits.Long, limits.Wait = 1, time.Millisecond
	answer := send(t, onNetwork(t, limits), 1<<20, `{"name":"`+strings.Repeat("a", 200_000))
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") != "2" || !strings.Contains(string(text), "bodies_in_flight") {
		t.Errorf("%v %s %s", err, answer.Status, text)
	}
}

func statusOf(f *fault.Error) error {
	code := map[fault.Kind]codes.Code{fault.Deadline: codes.DeadlineExceeded, fault.Unavailable: codes.Unavailable}[f.Kind]
	st, err := status.New(code, f.Public).WithDetails(&errdetails.ErrorInfo{Reason: f.Reason}, &errdetails.RetryInfo{RetryDelay: durationpb.New(f.RetryAfter)})
	if err != nil {
		return err
	}
	return st.Err()
}

// A query of 64 KiB has room for 32,000 parameters.
func TestAQueryIsBoundedWhileItIsRead(t *testing.T) {
	var request *secretsstorev1.ListSecretsRequest
	f := serve(t, func(_ context.Context, _ string, args, _ any) (metadata.MD, error) {
		request, _ = args.(*secretsstorev1.ListSecretsRequest)
		return nil, nil
	})
	for name, query := range map[string]string{
		"scopes": strings.Repeat("scopes=a&", 7000), "scopes in one": "scopes=a" + strings.Repeat(",a", 30_000),
		"unknown": strings.Repeat("a&", 30_000), "escaped": strings.Repeat("%61&", 16_000), "pages": strings.Repeat("page=1&", 9000),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f.ask(t, http.MethodGet, "/client/v4/accounts/main/secrets_store/stores/x/secrets?"+query, "")
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; len(request.GetScopes()) > 101 || grown > allocationScale<<20 {
			t.Errorf("%s: %d scopes, %d bytes", name, len(request.GetScopes()), grown)
		}
	}
}
