package client_test

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"platform.internal/storekeeper/client"
	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// failing answers the first calls with errors, and remembers the metadata of all.
type failing struct {
	secretsstorev1.UnimplementedSecretsStoreServiceServer
	errors []error
	seen   []metadata.MD
}

func (f *failing) next(ctx context.Context) error {
	md, _ := metadata.FromIncomingContext(ctx)
	f.seen = append(f.seen, md)
	if n := len(f.seen); n <= len(f.errors) {
		return f.errors[n-1]
	}
	return nil
}

func (f *failing) CreateStore(ctx context.Context, _ *secretsstorev1.CreateStoreRequest) (*secretsstorev1.CreateStoreResponse, error) {
	return &secretsstorev1.CreateStoreResponse{}, f.next(ctx)
}

func (f *failing) ListStores(ctx context.Context, _ *secretsstorev1.ListStoresRequest) (*secretsstorev1.ListStoresResponse, error) {
	return &secretsstorev1.ListStoresResponse{}, f.next(ctx)
}

// serve serves f and returns a client of it.
func serve(t *testing.T, f *failing, opts ...client.Option) *client.Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	secretsstorev1.RegisterSecretsStoreServiceServer(server, f)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	c, err := client.Dial(listener.Addr().String(), append(opts, client.WithPlaintext())...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// fault is an error with details.
func fault(t *testing.T, code codes.Code, details ...protoadapt.MessageV1) error {
	t.Helper()
	s, err := status.New(code, "no").WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return s.Err()
}

func after(d time.Duration) *errdetails.RetryInfo {
	return &errdetails.RetryInfo{RetryDelay: durationpb.New(d)}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	const soon = time.Millisecond
	retry := client.Retry{Attempts: 4, Backoff: soon, MaxWait: time.Second}
	for name, tc := range map[string]struct {
		errors []error
		retry  client.Retry
		calls  int
		code   codes.Code
	}{
		"nothing fails":                           {nil, retry, 1, codes.OK},
		"an unavailable server is asked again":    {[]error{fault(t, codes.Unavailable), fault(t, codes.Unavailable, after(soon))}, retry, 3, codes.OK},
		"a spent budget is awaited":               {[]error{fault(t, codes.ResourceExhausted, after(soon))}, retry, 2, codes.OK},
		"a message that is too large is not sent": {[]error{fault(t, codes.ResourceExhausted)}, retry, 1, codes.ResourceExhausted},
		"a refusal is final":                      {[]error{fault(t, codes.PermissionDenied)}, retry, 1, codes.PermissionDenied},
		"a long wait is left to the caller":       {[]error{fault(t, codes.Unavailable, after(time.Minute))}, retry, 1, codes.Unavailable},
		"attempts end":                            {[]error{fault(t, codes.Unavailable), fault(t, codes.Unavailable), fault(t, codes.Unavailable), fault(t, codes.Unavailable)}, retry, 4, codes.Unavailable},
		"one attempt repeats nothing":             {[]error{fault(t, codes.Unavailable)}, client.Retry{Attempts: 1}, 1, codes.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &failing{errors: tc.errors}
			c := serve(t, f, client.WithRetry(tc.retry))
			_, err := c.SecretsStore().CreateStore(t.Context(), &secretsstorev1.CreateStoreRequest{})
			if status.Code(err) != tc.code || len(f.seen) != tc.calls {
				t.Errorf("%d calls ended with %v; want %d and %v", len(f.seen), err, tc.calls, tc.code)
			}
			keys := map[string]bool{}
			for _, md := range f.seen {
				keys[md.Get("idempotency-key")[0]] = true
			}
			if len(keys) != 1 {
				t.Errorf("the attempts had the keys %v", keys)
			}
		})
	}
}

// A wait that would outlive the call is not begun.
func TestARetryDoesNotOutliveItsCall(t *testing.T) {
	t.Parallel()
	f := &failing{errors: []error{fault(t, codes.Unavailable, after(30*time.Second))}}
	c := serve(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := c.SecretsStore().ListStores(ctx, &secretsstorev1.ListStoresRequest{})
	if status.Code(err) != codes.Unavailable || ctx.Err() != nil {
		t.Errorf("%v, %v", err, ctx.Err())
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	own := metadata.AppendToOutgoingContext(t.Context(), "idempotency-key", "mine")
	f := &failing{}
	c := serve(t, f).SecretsStore()
	for _, call := range []func() error{
		func() error { _, err := c.CreateStore(t.Context(), &secretsstorev1.CreateStoreRequest{}); return err },
		func() error { _, err := c.CreateStore(t.Context(), &secretsstorev1.CreateStoreRequest{}); return err },
		func() error { _, err := c.CreateStore(own, &secretsstorev1.CreateStoreRequest{}); return err },
		func() error {
			_, err := c.CreateStore(t.Context(), &secretsstorev1.CreateStoreRequest{RequestId: "in the message"})
			return err
		},
		func() error { _, err := c.ListStores(t.Context(), &secretsstorev1.ListStoresRequest{}); return err },
	} {
		if err := call(); err != nil {
			t.Fatal(err)
		}
	}
	key := func(i int) string {
		if found := f.seen[i].Get("idempotency-key"); len(found) > 0 {
			return found[0]
		}
		return ""
	}
	if key(0) == key(1) || len(key(0)) != 32 {
		t.Errorf("two changes have the keys %q and %q", key(0), key(1))
	}
	if key(2) != "mine" || key(3) != "" || key(4) != "" {
		t.Errorf("own key %q, key in the message %q, a read %q", key(2), key(3), key(4))
	}
}
