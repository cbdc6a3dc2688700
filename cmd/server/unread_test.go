package main

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcgzip "google.golang.org/grpc/encoding/gzip"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) ([]byte, error) { return []byte(v.(string)), nil }

func (rawCodec) Unmarshal([]byte, any) error { return nil }

func TestAMessageThatIsNotReadIsRefusedWithAReason(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	for name, tt := range map[string]struct {
		message string
		options []grpc.CallOption
		code    codes.Code
		reason  string
	}{
		"no protobuf":             {"\xff\xff\xff", nil, codes.InvalidArgument, "REQUEST_UNREADABLE"},
		"a text that is no UTF-8": {"\x0a\x02a\xff", nil, codes.InvalidArgument, "REQUEST_UNREADABLE"},
		"too long":                {strings.Repeat("\x0a\x00", 5<<20), nil, codes.ResourceExhausted, "REQUEST_TOO_LARGE"},
		"too long, packed":        {strings.Repeat("\x0a\x00", 5<<20), []grpc.CallOption{grpc.UseCompressor(grpcgzip.Name)}, codes.ResourceExhausted, "REQUEST_TOO_LARGE"},
	} {
		r := ruling{}
		method := secretsstorev1.SecretsStoreService_ListStores_FullMethodName
		r.err = p.conn.Invoke(asCaller(context.Background()), method, tt.message, nil, append(tt.options, grpc.ForceCodec(rawCodec{}))...)
		r.takeApart()
		if r.code != tt.code || r.info.GetReason() != tt.reason {
			t.Errorf("%s: %v, %v", name, r.err, r.info)
		}
	}
}
