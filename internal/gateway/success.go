package gateway

import (
	"net/http"
	"strconv"
	"sync"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/cfjson"
	"platform.internal/storekeeper/internal/connlimit"
)

// maxPooledBuffer is the maximum size of a reused buffer, in bytes: room for a page of 100 secrets
// without long comments. Larger buffers are left to the garbage collector, so that an answer of
// several MiB does not occupy memory permanently.
const maxPooledBuffer = 64 << 10

// serverBuffer is the size of net/http's buffer of a connection, in bytes. A longer answer takes two writes.
const serverBuffer = 4 << 10

// successWriter writes the answers of RPCs.
type successWriter struct {
	// buffers holds *[]byte. Answers never hold the value of a secret.
	buffers sync.Pool
	// texts has the texts of the secrets in the cache. An answer of the cache, which has the header
	// cache-status, shares the messages of its secrets with other answers.
	texts cfjson.SecretTexts
}

func (s *successWriter) write(w http.ResponseWriter, r *http.Request, header metadata.MD, answer proto.Message) error {
	room, kept := s.buffers.Get().(*[]byte)
	if !kept {
		room = &[]byte{}
	}
	var shared *cfjson.SecretTexts
	if len(header["cache-status"]) > 0 {
		shared = &s.texts
	}
	text, err := cfjson.Success((*room)[:0], answer, shared)
	if err != nil {
		return err
	}
	h := w.Header()
	relay(header, h)
	h["Content-Type"] = jsonType
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(statusOf(answer))
	if len(text) > serverBuffer {
		connlimit.HoldWrite(r)
	}
	// The client may be gone.
	_, _ = w.Write(text)
	if cap(text) <= maxPooledBuffer {
		*room = text
		s.buffers.Put(room)
	}
	return nil
}

// statusOf returns the HTTP status of an answer. Cloudflare answers the
// deletion of secrets with 202.
func statusOf(answer proto.Message) int {
	switch answer.(type) {
	case *secretsstorev1.DeleteSecretResponse, *secretsstorev1.DeleteSecretsResponse:
		return http.StatusAccepted
	default:
		return http.StatusOK
	}
}
