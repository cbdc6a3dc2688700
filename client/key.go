package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// keyMetadata is the metadata of the idempotency key.
const keyMetadata = "idempotency-key"

// keyField is the field of a request that may hold the key instead.
const keyField protoreflect.Name = "request_id"

// keyed sets an idempotency key for each change that has none, so that the
// change is made once however often the call is repeated.
//
//nolint:revive // grpc wants seven parameters
func keyed(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if needsKey(ctx, req) {
		ctx = metadata.AppendToOutgoingContext(ctx, keyMetadata, newKey())
	}
	return invoke(ctx, method, req, reply, cc, opts...)
}

// needsKey reports whether a request has the field of the idempotency key, and
// no key.
func needsKey(ctx context.Context, req any) bool {
	message, ok := req.(proto.Message)
	if !ok {
		return false
	}
	m := message.ProtoReflect()
	field := m.Descriptor().Fields().ByName(keyField)
	if field == nil || m.Has(field) {
		return false
	}
	outgoing, _ := metadata.FromOutgoingContext(ctx)
	return len(outgoing.Get(keyMetadata)) == 0
}

// newKey returns 32 hexadecimal digits of 16 random bytes.
func newKey() string {
	var b [16]byte
	// rand.Read never fails; see its documentation.
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
