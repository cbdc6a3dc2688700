package server

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"platform.internal/storekeeper/internal/policy"
)

// validate refuses requests that break a declared rule.
func validate(v *policy.Validator) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if m, ok := req.(proto.Message); ok {
			if err := v.Check(ctx, m); err != nil {
				return nil, err
			}
		}
		return next(ctx, req)
	}
}
