package server

import (
	"context"
	"encoding/binary"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// transportStream is the stream of a call as the gRPC transport has it. gRPC has
// one bound on messages for all methods of a server; with the transport's stream
// a method can have a bound of its own, which holds before the message is read.
type transportStream interface {
	ReadMessageHeader(header []byte) error
	Read(n int) (mem.BufferSlice, error)
	RecvCompress() string
}

// decoder makes a message of its bytes.
type decoder func(data mem.BufferSlice, into any) error

// decodeProto decodes a short message.
func decodeProto(data mem.BufferSlice, into any) error {
	return encoding.GetCodecV2("proto").Unmarshal(data, into)
}

// receive reads one message of at most limit bytes, before and after
// decompression. It takes the place of RecvMsg for the call of ctx.
func receive(ctx context.Context, decode decoder, limit int, into any) error {
	s, isTransport := grpc.ServerTransportStreamFromContext(ctx).(transportStream)
	if !isTransport {
		return status.Error(codes.Internal, "the transport does not let messages be bounded")
	}
	var prefix [5]byte
	if err := s.ReadMessageHeader(prefix[:]); err != nil {
		return err
	}
	n := int64(binary.BigEndian.Uint32(prefix[1:]))
	if n > int64(limit) {
		return tooLong(limit)
	}
	data, err := s.Read(int(n))
	if err != nil {
		return unexpected(err)
	}
	defer func() { data.Free() }()
	if prefix[0] != 0 {
		plain, err := decompress(s.RecvCompress(), data, limit)
		if err != nil {
			return err
		}
		data.Free()
		data = mem.BufferSlice{mem.SliceBuffer(plain)}
	}
	if err := decode(data, into); err != nil {
		return status.Error(codes.InvalidArgument, "the message cannot be decoded")
	}
	return nil
}

// receiveRequest gives what reads the message of a method of ours.
func receiveRequest() func(ctx context.Context, into any) error {
	codec := newBoundedCodec()
	return func(ctx context.Context, into any) error { return receive(ctx, codec.Unmarshal, MaxMessage, into) }
}

func tooLong(limit int) error {
	return status.Errorf(codes.ResourceExhausted, "a message to this method must be at most %d bytes", limit)
}

// unexpected names the end of a stream in the middle of a message.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return status.Error(codes.InvalidArgument, "the stream ended in the middle of a message")
	}
	return err
}

// decompress gives at most limit bytes of a compressed message.
func decompress(name string, data mem.BufferSlice, limit int) ([]byte, error) {
	compressor := encoding.GetCompressor(name)
	if compressor == nil {
		return nil, status.Errorf(codes.Unimplemented, "the server does not read the grpc-encoding %q", name)
	}
	packed := data.Reader()
	defer func() { _ = packed.Close() }() // The buffers are freed by the caller.
	plain, err := compressor.Decompress(packed)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "the message cannot be decompressed")
	}
	text, err := io.ReadAll(io.LimitReader(plain, int64(limit)+1))
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "the message cannot be decompressed")
	}
	if len(text) > limit {
		return nil, tooLong(limit)
	}
	return text, nil
}
