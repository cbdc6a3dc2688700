package server

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"platform.internal/storekeeper/internal/contract"
)

// validate refuses requests that violate a declared rule, and pages that the client cannot receive
// (see boundPage). Requests to the health service have no declared rules.
func validate(v *contract.Validator, r *Rights) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if m, ok := req.(proto.Message); ok && !strings.HasPrefix(info.FullMethod, healthService) {
			if err := v.Check(ctx, m); err != nil {
				return nil, err
			}
		}
		answer, err := next(ctx, req)
		if m := r.Methods[info.FullMethod]; err == nil && m != nil && m.Lists {
			err = boundPage(ctx, answer)
		}
		if err != nil {
			return nil, err
		}
		return answer, nil
	}
}
