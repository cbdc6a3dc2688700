package server

import (
	"bytes"
	"sync/atomic"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"platform.internal/storekeeper/internal/fault"
)

// ownAnswer is the answer of a change that this call has made, which goes on apart
// from it.
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

// unpack gives the answer that is kept. It counts, and not what this call made
// of it: that may have been found out otherwise meanwhile.
func (p *ownAnswer) unpack(body []byte) (any, error) {
	if own := p.latest.Load(); own != nil && bytes.Equal(own.body, body) {
		return own.out, nil
	}
	return Unpack(body)
}

// Pack writes a request or an answer as it is kept with an intent: with its type.
func Pack(message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, fault.New(fault.Internal, "INTERNAL", "Storekeeper failed to keep its answer.")
	}
	wrapped, err := anypb.New(m)
	if err != nil {
		return nil, err
	}
	return proto.Marshal(wrapped)
}

// Unpack reads what Pack wrote.
func Unpack(body []byte) (proto.Message, error) {
	wrapped := &anypb.Any{}
	if err := proto.Unmarshal(body, wrapped); err != nil {
		return nil, err
	}
	return wrapped.UnmarshalNew()
}
