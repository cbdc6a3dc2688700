package server

import (
	"context"
	"crypto/sha256"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/inflight"
)

// handle is a generated handler: it decodes before the interceptors run.
//
//nolint:revive // generated handlers have their context second
func handle(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	if err := decode(nil); err != nil {
		return nil, err
	}
	o, _ := authn.AuthenticationFrom(ctx)
	return o.Principal.Name, o.Err
}

func TestOnlyAKnownCallersRequestIsDecoded(t *testing.T) {
	a, err := authn.New(authn.Config{APIKeys: []authn.APIKey{
		{Digest: sha256.Sum256([]byte("sk_known")), Principal: authn.Principal{Name: "known"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for shown, decodes := range map[string]bool{"Bearer sk_known": true, "Bearer sk_other": false, "": false} {
		decoded := false
		receive := func(context.Context, func() bool, any) error { decoded = true; return nil }
		guarded := preauth{authenticator: a, receive: receive, bodies: inflight.New(inflight.DefaultLimits())}.guard("/x/Y", handle)
		ctx := metadata.NewIncomingContext(context.Background(), metadata.Pairs("authorization", shown))
		name, err := guarded(nil, ctx, nil, nil)
		if decoded != decodes || (err == nil) != decodes || decodes && name != "known" {
			t.Errorf("%q: decoded %v, caller %v, %v", shown, decoded, name, err)
		}
	}
}
