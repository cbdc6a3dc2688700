package servertest

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/byname"
	"platform.internal/storekeeper/internal/cache"
	"platform.internal/storekeeper/internal/scope"
	"platform.internal/storekeeper/internal/server"
	"platform.internal/storekeeper/internal/upstream"
)

// secretsByName registers the service that finds secrets by name. It does not record puts.
func (g *Gate) secretsByName(tb testing.TB, chain server.Chain, secrets secretsstorev1.SecretsStoreServiceServer) server.Register {
	tb.Helper()
	library, err := cache.New(cache.Config{Reader: g.Cloudflare.Client})
	must(tb, err)
	tb.Cleanup(library.Close)
	inner := chain.Inner(&secretsstorev1.SecretsStoreService_ServiceDesc, secrets)
	own := byname.New(byname.Config{
		// The changes of the other services bypass the library.
		Reader: askEachTime{library.Client(g.Cloudflare.Client)}, Calls: innerCalls{inner}, Account: chain.Rights.Names.Account, Status: server.Status,
	})
	return func(r grpc.ServiceRegistrar) { storekeeperv1.RegisterSecretServiceServer(r, own) }
}

type askEachTime struct{ *cache.Client }

// SecretsNamed asks Cloudflare.
func (a askEachTime) SecretsNamed(ctx context.Context, account, storeID string, names []string, _ cache.Age) (map[string]upstream.Secret, error) {
	return a.Client.SecretsNamed(scope.WithFresh(ctx), account, storeID, names, cache.Shown)
}

// StoreNamed asks Cloudflare.
func (a askEachTime) StoreNamed(ctx context.Context, account, name string) (upstream.Store, bool, error) {
	return a.Client.StoreNamed(scope.WithFresh(ctx), account, name)
}

type innerCalls struct{ *server.Inner }

// Call makes a change.
func (i innerCalls) Call(ctx context.Context, c byname.InnerCall) (proto.Message, error) {
	return i.Inner.Call(ctx, server.InnerCall(c))
}
