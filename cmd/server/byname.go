package main

import (
	"context"

	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/byname"
	"platform.internal/storekeeper/internal/server"
)

// secretsByName returns the service of secrets by name. It makes its changes by
// calls to SecretsStoreService.
func secretsByName(behind *engine, chain server.Chain) *byname.Service {
	inner := chain.Inner(&secretsstorev1.SecretsStoreService_ServiceDesc, behind.service)
	return byname.New(byname.Config{
		Reader: behind.reads, Calls: innerCalls{inner}, Account: behind.names.Account, Records: behind.state,
		Fingerprint: chain.Fingerprint, Status: server.Status,
	})
}

// innerCalls makes the calls that a call by name has decided on.
type innerCalls struct{ *server.Inner }

// Call makes a change and returns the answer of its method.
func (i innerCalls) Call(ctx context.Context, c byname.InnerCall) (proto.Message, error) {
	return i.Inner.Call(ctx, server.InnerCall(c))
}
