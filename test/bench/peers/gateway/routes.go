package main

// This is what protoc-gen-grpc-gateway v2.33.0 generates for the two routes that
// are called, in another package.

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

func requestCreateStore(ctx context.Context, marshaler runtime.Marshaler, client secretsstorev1.SecretsStoreServiceClient, req *http.Request, pathParams map[string]string) (proto.Message, runtime.ServerMetadata, error) {
	var (
		protoReq secretsstorev1.CreateStoreRequest
		md       runtime.ServerMetadata
		err      error
	)
	if err := marshaler.NewDecoder(req.Body).Decode(&protoReq); err != nil && !errors.Is(err, io.EOF) {
		return nil, md, status.Errorf(codes.InvalidArgument, "%v", err)
	}
	val, ok := pathParams["account_id"]
	if !ok {
		return nil, md, status.Errorf(codes.InvalidArgument, "missing parameter %s", "account_id")
	}
	protoReq.AccountId, err = runtime.String(val)
	if err != nil {
		return nil, md, status.Errorf(codes.InvalidArgument, "type mismatch, parameter: %s, error: %v", "account_id", err)
	}
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
	}
	msg, err := client.CreateStore(ctx, &protoReq, grpc.Header(&md.HeaderMD), grpc.Trailer(&md.TrailerMD))
	return msg, md, err
}

func requestGetStore(ctx context.Context, _ runtime.Marshaler, client secretsstorev1.SecretsStoreServiceClient, req *http.Request, pathParams map[string]string) (proto.Message, runtime.ServerMetadata, error) {
	var (
		protoReq secretsstorev1.GetStoreRequest
		md       runtime.ServerMetadata
		err      error
	)
	val, ok := pathParams["account_id"]
	if !ok {
		return nil, md, status.Errorf(codes.InvalidArgument, "missing parameter %s", "account_id")
	}
	protoReq.AccountId, err = runtime.String(val)
	if err != nil {
		return nil, md, status.Errorf(codes.InvalidArgument, "type mismatch, parameter: %s, error: %v", "account_id", err)
	}
	val, ok = pathParams["store_id"]
	if !ok {
		return nil, md, status.Errorf(codes.InvalidArgument, "missing parameter %s", "store_id")
	}
	protoReq.StoreId, err = runtime.String(val)
	if err != nil {
		return nil, md, status.Errorf(codes.InvalidArgument, "type mismatch, parameter: %s, error: %v", "store_id", err)
	}
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
	}
	msg, err := client.GetStore(ctx, &protoReq, grpc.Header(&md.HeaderMD), grpc.Trailer(&md.TrailerMD))
	return msg, md, err
}

func register(mux *runtime.ServeMux, client secretsstorev1.SecretsStoreServiceClient) {
	mux.Handle(http.MethodPost, patternCreateStore, func(w http.ResponseWriter, req *http.Request, pathParams map[string]string) {
		ctx, cancel := context.WithCancel(req.Context())
		defer cancel()
		inboundMarshaler, outboundMarshaler := runtime.MarshalerForRequest(mux, req)
		annotatedContext, err := runtime.AnnotateContext(ctx, mux, req, "/secretsstore.v1.SecretsStoreService/CreateStore", runtime.WithHTTPPathPattern("/client/v4/accounts/{account_id}/secrets_store/stores"))
		if err != nil {
			runtime.HTTPError(ctx, mux, outboundMarshaler, w, req, err)
			return
		}
		resp, md, err := requestCreateStore(annotatedContext, inboundMarshaler, client, req, pathParams)
		annotatedContext = runtime.NewServerMetadataContext(annotatedContext, md)
		if err != nil {
			runtime.HTTPError(annotatedContext, mux, outboundMarshaler, w, req, err)
			return
		}
		runtime.ForwardResponseMessage(annotatedContext, mux, outboundMarshaler, w, req, resp, mux.GetForwardResponseOptions()...)
	})
	mux.Handle(http.MethodGet, patternGetStore, func(w http.ResponseWriter, req *http.Request, pathParams map[string]string) {
		ctx, cancel := context.WithCancel(req.Context())
		defer cancel()
		inboundMarshaler, outboundMarshaler := runtime.MarshalerForRequest(mux, req)
		annotatedContext, err := runtime.AnnotateContext(ctx, mux, req, "/secretsstore.v1.SecretsStoreService/GetStore", runtime.WithHTTPPathPattern("/client/v4/accounts/{account_id}/secrets_store/stores/{store_id}"))
		if err != nil {
			runtime.HTTPError(ctx, mux, outboundMarshaler, w, req, err)
			return
		}
		resp, md, err := requestGetStore(annotatedContext, inboundMarshaler, client, req, pathParams)
		annotatedContext = runtime.NewServerMetadataContext(annotatedContext, md)
		if err != nil {
			runtime.HTTPError(annotatedContext, mux, outboundMarshaler, w, req, err)
			return
		}
		runtime.ForwardResponseMessage(annotatedContext, mux, outboundMarshaler, w, req, resp, mux.GetForwardResponseOptions()...)
	})
}

var (
	patternCreateStore = runtime.MustPattern(runtime.NewPattern(1, []int{2, 0, 2, 1, 2, 2, 1, 0, 4, 1, 5, 3, 2, 4, 2, 5}, []string{"client", "v4", "accounts", "account_id", "secrets_store", "stores"}, ""))
	patternGetStore    = runtime.MustPattern(runtime.NewPattern(1, []int{2, 0, 2, 1, 2, 2, 1, 0, 4, 1, 5, 3, 2, 4, 2, 5, 1, 0, 4, 1, 5, 6}, []string{"client", "v4", "accounts", "account_id", "secrets_store", "stores", "store_id"}, ""))
)
