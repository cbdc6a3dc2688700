package server

import (
	"bytes"
	"sync/atomic"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"platform.internal/storekeeper/internal/fault"
)

// ownAnswer holds the answer of the change that this call made. The change runs
// in another goroutine.
type ownAnswer struct {
	latest atomic.Pointer[packedAnswer]
	// packed is the memory of latest, written once.
	packed packedAnswer
}

type packedAnswer struct {
	out  any
	body []byte
}

func (p *ownAnswer) pack(out any) ([]byte, error) {
	body, err := Pack(out)
	if err == nil {
		p.packed = packedAnswer{out, body}
		p.latest.Store(&p.packed)
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

// typeURLPrefix stands before the name of a message's type in an anypb.Any.
const typeURLPrefix = "type.googleapis.com/"

// The fields of an anypb.Any.
const (
	anyTypeURL protowire.Number = 1
	anyValue   protowire.Number = 2
)

// Pack encodes a request or an answer together with its type, for storage in a record. The bytes
// are those of an anypb.Any, without one in memory.
func Pack(message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, fault.New(fault.Internal, fault.ReasonInternal, "Storekeeper failed to keep its answer.")
	}
	name, size := m.ProtoReflect().Descriptor().FullName(), proto.Size(m)
	url := len(typeURLPrefix) + len(name)
	body := make([]byte, 0, 2*protowire.SizeTag(anyValue)+protowire.SizeBytes(url)+protowire.SizeBytes(size))
	body = protowire.AppendVarint(protowire.AppendTag(body, anyTypeURL, protowire.BytesType), uint64(url))
	body = append(append(body, typeURLPrefix...), name...)
	if size == 0 {
		return body, nil
	}
	body = protowire.AppendVarint(protowire.AppendTag(body, anyValue, protowire.BytesType), uint64(size)) //nolint:gosec // a length
	return proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(body, m)
}

// Unpack decodes what Pack encoded.
func Unpack(body []byte) (proto.Message, error) {
	wrapped := &anypb.Any{}
	if err := proto.Unmarshal(body, wrapped); err != nil {
		return nil, err
	}
	return wrapped.UnmarshalNew()
}
