package gateway

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/proto"

	"platform.internal/storekeeper/internal/cfjson"
	"platform.internal/storekeeper/internal/contract"
)

// nativeMarshaler is Google's JSON mapping for grpc-gateway. It is used for
// every content type.
type nativeMarshaler struct{}

var _ runtime.Marshaler = nativeMarshaler{}

// ContentType is the content type of every answer.
func (nativeMarshaler) ContentType(any) string { return "application/json" }

// Marshal returns nothing: writeNative has written the answer before
// grpc-gateway calls Marshal.
func (nativeMarshaler) Marshal(any) ([]byte, error) { return nil, nil }

// Unmarshal reads a body from memory.
func (nativeMarshaler) Unmarshal(data []byte, v any) error {
	return cfjson.ReadMessage(bytes.NewReader(data), v, func(string) bool { return false }, &contract.Mistakes{})
}

// NewEncoder is used for streams only. There are none.
func (nativeMarshaler) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		m, _ := v.(proto.Message)
		text, err := cfjson.Message(m)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	})
}

// NewDecoder reads a body. Mistakes are noted and not returned, so that the
// chain refuses the call. A reader that is not a *body belongs to a call that
// will be refused.
func (nativeMarshaler) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		b, ok := r.(*body)
		if !ok {
			return nil
		}
		defer b.stop()
		return cfjson.ReadMessage(b, v, b.inPath, b.found)
	})
}

// writeNative writes the answer of an RPC.
func writeNative(ctx context.Context, w http.ResponseWriter, answer proto.Message) error {
	text, err := cfjson.Message(answer)
	if err != nil {
		return err
	}
	relay(ctx, w.Header())
	write(w, http.StatusOK, text)
	return nil
}
