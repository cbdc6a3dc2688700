package server

import (
	"context"
	"slices"
	"testing"

	"google.golang.org/grpc"
)

func TestEachMethodHasAWayOfItsOwn(t *testing.T) {
	var log []string
	step := func(name string) grpc.UnaryServerInterceptor {
		return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			log = append(log, name+" "+info.FullMethod)
			return next(ctx, req)
		}
	}
	all := &compiledChain{chain: []grpc.UnaryServerInterceptor{step("outer"), step("inner")}}
	for _, method := range []string{"/a", "/b", "/a"} {
		handler := func(_ context.Context, req any) (any, error) { return method + " did " + req.(string), nil }
		answer, err := all.intercept(t.Context(), "it", &grpc.UnaryServerInfo{FullMethod: method}, handler)
		if err != nil || answer != method+" did it" {
			t.Errorf("%s: %v, %v", method, answer, err)
		}
	}
	if want := []string{"outer /a", "inner /a", "outer /b", "inner /b", "outer /a", "inner /a"}; !slices.Equal(log, want) {
		t.Errorf("got %q", log)
	}
}

func TestTheWayOfAMethodIsPutTogetherOnce(t *testing.T) {
	step := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		return next(ctx, req)
	}
	all := &compiledChain{chain: []grpc.UnaryServerInterceptor{step, step, step}}
	info := &grpc.UnaryServerInfo{FullMethod: "/a"}
	handler := func(context.Context, any) (any, error) { return nil, nil } //nolint:nilnil // there is nothing to answer
	made := testing.AllocsPerRun(100, func() {
		if _, err := all.intercept(t.Context(), nil, info, handler); err != nil {
			t.Error(err)
		}
	})
	if made > 0 {
		t.Errorf("%.0f allocations a call", made)
	}
}
