package gateway

import (
	"net/http"
	"strings"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/cfjson"
)

// NativeRoot is the root path of Storekeeper's own API.
const NativeRoot = "/storekeeper/v1"

// newNativeRouter returns the router of Storekeeper's own API.
func newNativeRouter(c Config, errors *nativeErrorWriter) *router {
	rules := readRoutes(
		storekeeperv1.File_storekeeper_v1_self_proto, storekeeperv1.File_storekeeper_v1_changes_proto,
		storekeeperv1.File_storekeeper_v1_secrets_proto, storekeeperv1.File_storekeeper_v1_operator_proto,
	)
	b := binder{
		conn: c.Conn, routes: rules, refused: c.Refused, query: (&nativeQuery{routes: rules}).read,
		read:  func(b *body, request any) error { return cfjson.ReadMessage(b, request, b.inPath, b.found) },
		write: writeNative, fail: errors.fault,
	}
	return b.router(errors)
}

// writeNative writes the answer of an RPC in Google's JSON mapping.
func writeNative(w http.ResponseWriter, _ *http.Request, header metadata.MD, answer proto.Message) error {
	text, err := cfjson.Message(answer)
	if err != nil {
		return err
	}
	relay(header, w.Header())
	write(w, http.StatusOK, text)
	return nil
}

// isNative reports whether a path belongs to Storekeeper's own API, in this or another version.
func isNative(path string) bool {
	return strings.HasPrefix(strings.TrimLeft(path, "/"), "storekeeper/")
}
