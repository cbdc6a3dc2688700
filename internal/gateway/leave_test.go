package gateway_test

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"
)

// TestACallerThatLeavesEndsItsCall closes the connection during a call. net/http reads from a
// connection, and so notices its end, only after the body of the request was read.
func TestACallerThatLeavesEndsItsCall(t *testing.T) {
	id := strings.Repeat("a", 32)
	stores := "/client/v4/accounts/" + id + "/secrets_store/stores"
	for _, c := range []struct{ method, path, body string }{
		{"DELETE", stores + "/" + id, ""},
		{"DELETE", stores + "/" + id, "{}"},
		{"DELETE", stores + "/" + id + "/secrets/" + id, "{}"},
		{"DELETE", stores + "/" + id + "/secrets", `{"ids":["a"]}`},
		{"GET", stores, "{}"},
		{"POST", stores, `{"name":"x"} `},
		{"GET", "/storekeeper/v1/changes", "{}"},
		{"DELETE", "/storekeeper/v1/accounts/main/stores/s/secrets/n", "{}"},
	} {
		t.Run(c.method+" "+c.path+" "+c.body, func(t *testing.T) {
			t.Parallel()
			began, ended, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
			server := httptest.NewServer(serve(t, func(ctx context.Context, _ string, _, _ any) (metadata.MD, error) {
				close(began)
				select {
				case <-ctx.Done():
					close(ended)
				case <-over:
				}
				return nil, ctx.Err()
			}))
			defer server.Close()
			defer close(over)
			caller, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer caller.Close()
			if _, err := fmt.Fprintf(caller, "%s %s HTTP/1.1\r\nHost: h\r\nAuthorization: x\r\nContent-Length: %d\r\n\r\n%s", c.method, c.path, len(c.body), c.body); err != nil {
				t.Fatal(err)
			}
			wait(t, began, "the call begins")
			_ = caller.Close()
			wait(t, ended, "the call ends when its caller has left")
		})
	}
}

func wait(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: not within 30 s", what)
	}
}
