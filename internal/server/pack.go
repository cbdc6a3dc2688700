package server

import (
	"bytes"
	"sync/atomic"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"platform.internal/storekeeper/internal/fault"
)

// ownAnswer holds the answer of the change that this call made. The change runs
// in another goroutine.
type ownAnswer struct{ latest atomic.Pointer[packedAnswer] }

type packedAnswer struct {
	out  any
	body []byte
}

func (p *ownAnswer) pack(out any) ([]byte, error) {
	body, err := Pack(out)
	if err == nil {
		p.latest.Store(&packedAnswer{out, body})
	}
	return body, err
}

// unpack decodes the recorded answer. The record takes precedence over the answer of this call,
// because recovery may have recorded a different answer. If both are equal, unpack returns the
// message of this call without decoding.
func (p *ownAnswer) unpack(body []byte) (any, error) {
	if own := p.latest.Load(); own != nil && bytes.Equal(own.body, body) {
		return own.out, nil
	}
	return Unpack(body)
}

// Pack encodes a request or an answer together with its type, for storage in a record.
func Pack(message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, fault.New(fault.Internal, fault.ReasonInternal, "Storekeeper failed to keep its answer.")
	}
	wrapped, err := anypb.New(m)
	if err != nil {
		return nil, err
	}
	return proto.Marshal(wrapped)
}

// Unpack decodes what Pack encoded.
func Unpack(body []byte) (proto.Message, error) {
	wrapped := &anypb.Any{}
	if err := proto.Unmarshal(body, wrapped); err != nil {
		return nil, err
	}
	return wrapped.UnmarshalNew()
}
