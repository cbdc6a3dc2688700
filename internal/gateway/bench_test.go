package gateway_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/gateway"
	"platform.internal/storekeeper/internal/server/servertest"
)

// idle is a service that does nothing, and a trail that keeps nothing.
type idle struct {
	secretsstorev1.SecretsStoreServiceServer

	store  *secretsstorev1.Store
	secret *secretsstorev1.Secret
}

func newIdle() idle {
	at, id := timestamppb.New(time.Unix(1_700_000_000, 123_456_000)), strings.Repeat("a", 32)
	return idle{
		store:  &secretsstorev1.Store{Id: id, Name: "default", AccountId: id, Created: at, Modified: at},
		secret: &secretsstorev1.Secret{Id: id, StoreId: id, Name: "NAME", Scopes: []string{"workers"}, Created: at, Modified: at, Status: "active"},
	}
}

func (i idle) CreateStore(context.Context, *secretsstorev1.CreateStoreRequest) (*secretsstorev1.CreateStoreResponse, error) {
	return &secretsstorev1.CreateStoreResponse{Store: i.store}, nil
}

func (i idle) GetSecret(context.Context, *secretsstorev1.GetSecretRequest) (*secretsstorev1.GetSecretResponse, error) {
	return &secretsstorev1.GetSecretResponse{Secret: i.secret}, nil
}

func (i idle) ListSecrets(context.Context, *secretsstorev1.ListSecretsRequest) (*secretsstorev1.ListSecretsResponse, error) {
	list := make([]*secretsstorev1.Secret, 20)
	for n := range list {
		list[n] = i.secret
	}
	return &secretsstorev1.ListSecretsResponse{Secrets: list}, nil
}

func (idle) Intent(context.Context, audit.Record) error { return nil }

func (idle) Outcome(context.Context, audit.Record) {}

func (idle) Denial(context.Context, audit.Record) error { return nil }

// discardWriter discards an answer.
type discardWriter struct {
	header http.Header
	status int
}

func (n *discardWriter) Header() http.Header { return n.header }

func (n *discardWriter) WriteHeader(status int) { n.status = status }

func (n *discardWriter) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkREST is the whole way of a call through the facade and the chain, to
// a service that does nothing and back.
func BenchmarkREST(b *testing.B) {
	caller := authn.Principal{Name: "app", Tenant: "payments"}
	handlers := newIdle()
	gate := servertest.Start(b, servertest.Config{
		Rules:   `rules: [{id: all, actions: ["*"], when: 'principal.tenant == "payments"'}]`,
		Denials: handlers, Callers: []authn.Principal{caller},
		Secrets: func(secretsstorev1.SecretsStoreServiceServer) secretsstorev1.SecretsStoreServiceServer {
			return handlers
		},
	})
	handler := gateway.New(gateway.Config{Conn: gate.Server.Conn(), Authenticate: gate.Authenticator.Identify})
	id, stores := strings.Repeat("a", 32), gateway.Root+"/accounts/"+servertest.MainID+"/secrets_store/stores"
	for name, c := range map[string]struct{ method, path, body string }{
		"create": {http.MethodPost, stores, `{"name":"default"}`},
		"get":    {http.MethodGet, stores + "/" + id + "/secrets/" + id, ""},
		"list":   {http.MethodGet, stores + "/" + id + "/secrets", ""},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := &http.Request{
					Method: c.method, URL: &url.URL{Path: c.path}, RemoteAddr: "192.0.2.7:4711", Body: io.NopCloser(strings.NewReader(c.body)),
					Header: http.Header{"Authorization": {servertest.Bearer(caller.Name)}},
				}
				w := &discardWriter{header: http.Header{}, status: http.StatusOK}
				if handler.ServeHTTP(w, r); w.status != http.StatusOK {
					b.Fatal(w.status)
				}
			}
		})
	}
}
