package gateway

import (
	"bytes"
	"io"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/proto"

	"platform.internal/storekeeper/internal/cfjson"
	"platform.internal/storekeeper/internal/contract"
)

// marshaler is Cloudflare's JSON for grpc-gateway. It is used for every content
// type.
type marshaler struct{}

var _ runtime.Marshaler = marshaler{}

// ContentType is the content type of every answer.
func (marshaler) ContentType(any) string { return "application/json" }

// Marshal returns nothing: successWriter has written the answer before
// grpc-gateway calls Marshal.
func (marshaler) Marshal(any) ([]byte, error) { return nil, nil }

// Unmarshal reads a body from memory.
func (marshaler) Unmarshal(data []byte, v any) error {
	return cfjson.ReadRequest(bytes.NewReader(data), v, &contract.Mistakes{})
}

// NewEncoder is used for streams only. There are none.
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

// NewDecoder reads a body. Mistakes are noted and not returned, so that the
// chain refuses the call. A reader that is not a *body belongs to a call that
// will be refused.
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
