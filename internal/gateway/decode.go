package gateway

import (
	"bytes"
	"io"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/proto"

	"platform.internal/storekeeper/internal/cfjson"
	"platform.internal/storekeeper/internal/contract"
)

// marshaler is Cloudflare's JSON for grpc-gateway, whatever content type a
// client names.
type marshaler struct{}

var _ runtime.Marshaler = marshaler{}

// ContentType is the type of every answer.
func (marshaler) ContentType(any) string { return "application/json" }

// Marshal gives nothing: by the time that grpc-gateway asks for the body of an
// answer, success has written it.
func (marshaler) Marshal(any) ([]byte, error) { return nil, nil }

// Unmarshal reads a body that is in memory.
func (marshaler) Unmarshal(data []byte, v any) error {
	return cfjson.ReadRequest(bytes.NewReader(data), v, &contract.Mistakes{})
}

// NewEncoder is used for streams only, of which there are none.
func (marshaler) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		m, _ := v.(proto.Message)
		b, err := cfjson.Success(nil, m)
		if err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	})
}

// NewDecoder reads a body. What is wrong with it is noted, not returned, so
// that the chain refuses the call in its own place. A body that front did not
// wrap belongs to a caller who will be refused.
func (marshaler) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		b, ok := r.(*body)
		if !ok {
			return nil
		}
		defer b.stop()
		return cfjson.ReadRequest(b, v, b.found)
	})
}
