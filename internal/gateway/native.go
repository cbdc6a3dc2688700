package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
)

// NativeRoot is the root path of Storekeeper's own API.
const NativeRoot = "/storekeeper/v1"

// nativeService is a service of Storekeeper's own API.
type nativeService struct {
	// file is the proto file of the service.
	file protoreflect.FileDescriptor
	// register adds the generated routes of the service to a mux.
	register func(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error
}

// nativeServices lists the services of Storekeeper's own API. The mux tries the last service first.
func nativeServices() []nativeService {
	return []nativeService{
		{storekeeperv1.File_storekeeper_v1_self_proto, func(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
			return storekeeperv1.RegisterSelfServiceHandlerClient(ctx, mux, storekeeperv1.NewSelfServiceClient(conn))
		}},
		{storekeeperv1.File_storekeeper_v1_changes_proto, func(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
			return storekeeperv1.RegisterChangeServiceHandlerClient(ctx, mux, storekeeperv1.NewChangeServiceClient(conn))
		}},
		{storekeeperv1.File_storekeeper_v1_secrets_proto, func(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
			return storekeeperv1.RegisterSecretServiceHandlerClient(ctx, mux, storekeeperv1.NewSecretServiceClient(conn))
		}},
		{storekeeperv1.File_storekeeper_v1_operator_proto, func(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
			return storekeeperv1.RegisterOperatorServiceHandlerClient(ctx, mux, storekeeperv1.NewOperatorServiceClient(conn))
		}},
	}
}

// newNativeMux returns the mux of Storekeeper's own API. It sets the routes of
// errors.
func newNativeMux(ctx context.Context, c Config, errors *nativeErrorWriter) (http.Handler, error) {
	services := nativeServices()
	files := make([]protoreflect.FileDescriptor, len(services))
	for i, s := range services {
		files[i] = s.file
	}
	rules := readRoutes(files...)
	errors.routes = rules
	mux := newMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, nativeMarshaler{}),
		runtime.WithMetadata((&precheck{routes: rules, refused: c.Refused, query: (&nativeQuery{routes: rules}).read}).beforeRequest),
		runtime.WithForwardResponseOption(writeNative),
		runtime.WithErrorHandler(errors.fault),
		runtime.WithRoutingErrorHandler(errors.unroutable),
	)
	for _, s := range services {
		if err := s.register(ctx, mux, c.Conn); err != nil {
			return nil, fmt.Errorf("register the routes of %s: %w", s.file.Path(), err)
		}
	}
	return mux, nil
}

// isNative reports whether a path belongs to Storekeeper's own API, in this or another version.
func isNative(path string) bool {
	return strings.HasPrefix("/"+strings.TrimLeft(path, "/"), "/storekeeper/")
}
