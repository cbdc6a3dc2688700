package gateway

import (
	"context"
	"net/http"
	"strconv"
	"sync"

	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/cfjson"
)

// maxPooledBuffer is the longest buffer that is used again, in bytes: room for a page
// of 100 secrets without long comments. A longer one is left to the collector,
// or one answer of a few MiB would stay for ever.
const maxPooledBuffer = 64 << 10

// successWriter writes the answers of RPCs. It is an option of grpc-gateway, which
// calls it before it writes an answer: the marshaler, which would be its place,
// has to give away the memory of each.
type successWriter struct {
	// buffers holds *[]byte. No value of a secret is in any answer.
	buffers sync.Pool
}

func (s *successWriter) write(ctx context.Context, w http.ResponseWriter, answer proto.Message) error {
	room, kept := s.buffers.Get().(*[]byte)
	if !kept {
		room = &[]byte{}
	}
	text, err := cfjson.Success((*room)[:0], answer)
	if err != nil {
		return err
	}
	h := w.Header()
	relay(ctx, h)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(statusOf(answer))
	// A client that went away cannot be told.
	_, _ = w.Write(text)
	if cap(text) <= maxPooledBuffer {
		*room = text
		s.buffers.Put(room)
	}
	return nil
}

// statusOf gives the status of an answer. Cloudflare accepts the deletion of
// secrets and carries it out later.
func statusOf(answer proto.Message) int {
	switch answer.(type) {
	case *secretsstorev1.DeleteSecretResponse, *secretsstorev1.DeleteSecretsResponse:
		return http.StatusAccepted
	default:
		return http.StatusOK
	}
}
