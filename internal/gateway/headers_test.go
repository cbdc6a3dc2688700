package gateway_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"platform.internal/storekeeper/internal/authn"
)

func TestOnlyListedHeadersPass(t *testing.T) {
	var sent metadata.MD
	f := serve(t, func(ctx context.Context, _ string, _, _ any) (metadata.MD, error) {
		sent, _ = metadata.FromIncomingContext(ctx)
		return metadata.Pairs("x-request-id", "id", "cf-ray", "ray", "set-cookie", "c=1", "x-other", "o"), nil
	})
	r := httptest.NewRequestWithContext(t.Context(), "GET", quotaPath, http.NoBody)
	for _, name := range []string{
		"Authorization", "X-Auth-Key", "X-Auth-Email", "Cookie", "X-Request-Id", "Traceparent", "User-Agent", "Grpc-Metadata-X", "Grpc-Timeout", "X-Other", "Connection",
	} {
		r.Header.Set(name, "1S")
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	for name := range sent {
		switch name {
		case "x-request-id", "traceparent", "x-forwarded-for", "x-forwarded-host":
		default:
			t.Errorf("%s got in", name)
		}
	}
	for name := range w.Header() {
		switch name {
		case "X-Request-Id", "Cf-Ray", "Content-Type", "Content-Length", "X-Content-Type-Options":
		default:
			t.Errorf("%s got out", name)
		}
	}
}

func TestTheCallerIsKnownBeforeTheBodyIsRead(t *testing.T) {
	var outcome authn.Authentication
	var from string
	f := serve(t, func(ctx context.Context, _ string, _, _ any) (metadata.MD, error) {
		outcome, _ = authn.AuthenticationFrom(ctx)
		if p, ok := peer.FromContext(ctx); ok {
			from = p.Addr.String()
		}
		return nil, nil
	})
	body := &watched{}
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/client/v4/accounts/main/secrets_store/stores", body)
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	if outcome.Err == nil || body.read || w.Header().Get("Connection") != "close" {
		t.Errorf("a stranger: %v, body read: %v, headers %v", outcome, body.read, w.Header())
	}
	r = httptest.NewRequestWithContext(t.Context(), "POST", "/client/v4/accounts/main/secrets_store/stores", body)
	r.Header.Set("Authorization", "known")
	f.ServeHTTP(httptest.NewRecorder(), r)
	if outcome.Principal.Name != "known" || !body.read || from != r.RemoteAddr {
		t.Errorf("a caller: %v, body read: %v, from %q", outcome, body.read, from)
	}
}

// watched is a body that records whether it was read.
type watched struct{ read bool }

func (w *watched) Read([]byte) (int, error) {
	w.read = true
	return 0, io.EOF
}
