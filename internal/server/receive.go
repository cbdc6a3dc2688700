package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"platform.internal/storekeeper/internal/inflight"
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

// receiver reads the message of a call. It takes the place of RecvMsg.
type receiver struct {
	decode decoder
	// limit is the longest message, in bytes, before and after decompression.
	limit int
	// wanted is asked before a message is read that is not short. A message that
	// is not wanted is left unread. Nil: all are wanted.
	wanted func() bool
}

// shortMessage is a message that is read before rights are judged, in bytes.
const shortMessage = 4 << 10

// receive reads one message of the call of ctx.
func (r receiver) receive(ctx context.Context, into any) error {
	s, isTransport := grpc.ServerTransportStreamFromContext(ctx).(transportStream)
	if !isTransport {
		return status.Error(codes.Internal, "the transport does not let messages be bounded")
	}
	var prefix [5]byte
	if err := s.ReadMessageHeader(prefix[:]); err != nil {
		return err
	}
	n := int64(binary.BigEndian.Uint32(prefix[1:]))
	compressed := prefix[0] != 0
	if n > int64(r.limit) {
		return tooLong(r.limit)
	}
	if r.wanted != nil && (n > shortMessage || compressed) && !r.wanted() {
		return nil
	}
	data, err := r.read(ctx, s, int(n))
	if err != nil {
		return err
	}
	defer func() { data.Free() }()
	if compressed {
		plain, err := decompress(ctx, s.RecvCompress(), data, r.limit)
		if err != nil {
			return err
		}
		data.Free()
		data = mem.BufferSlice{mem.SliceBuffer(plain)}
	}
	if err := grow(ctx, jsonGrowth(data)); err != nil {
		return err
	}
	if err := r.decode(data, into); err != nil {
		return unreadMessage(codes.InvalidArgument, "REQUEST_UNREADABLE", "the message cannot be decoded as the request of this method; texts must be UTF-8")
	}
	return nil
}

// read reads n bytes once there is room for them.
func (r receiver) read(ctx context.Context, s transportStream, n int) (mem.BufferSlice, error) {
	if err := grow(ctx, n); err != nil {
		return nil, err
	}
	held := inflight.From(ctx)
	if held == nil || n <= shortMessage {
		// A short message holds little, however long it takes.
		data, err := s.Read(n)
		return data, unexpectedEOF(err)
	}
	slow := time.AfterFunc(held.Time(int64(n)), func() { cancelStream(ctx) })
	data, err := s.Read(n)
	if !slow.Stop() && err != nil {
		return nil, inflight.TooSlow()
	}
	return data, unexpectedEOF(err)
}

// grow waits for room for n bytes more of the call of ctx. Calls of services
// that ask for no credential have no part of the budget: their messages are short.
func grow(ctx context.Context, n int) error {
	if held := inflight.From(ctx); held != nil {
		return held.Grow(ctx, int64(n))
	}
	return nil
}

// jsonGrowth is how many bytes more a message takes as JSON, which is how it goes on
// to Cloudflare. A message of 8 MiB can become 48 MiB, as a body over REST. Short
// messages are not counted.
func jsonGrowth(data mem.BufferSlice) int {
	if data.Len() <= shortMessage {
		return 0
	}
	more := 0
	for _, part := range data {
		for _, b := range part.ReadOnlyData() {
			switch {
			case b < ' ', b == '<', b == '>', b == '&':
				more += len(`\u0000`) - 1
			case b == '"', b == '\\':
				more++
			}
		}
	}
	return more
}

// receiveRequest gives what reads the message of a method of ours.
func receiveRequest() func(ctx context.Context, wanted func() bool, into any) error {
	codec := newBoundedCodec()
	return func(ctx context.Context, wanted func() bool, into any) error {
		return receiver{decode: codec.Unmarshal, limit: MaxMessage, wanted: wanted}.receive(ctx, into)
	}
}

func tooLong(limit int) error {
	return unreadMessage(codes.ResourceExhausted, "REQUEST_TOO_LARGE", fmt.Sprintf("a message to this method must be at most %d bytes", limit))
}

// unexpectedEOF names the end of a stream in the middle of a message.
func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return unreadMessage(codes.InvalidArgument, "REQUEST_UNREADABLE", "the stream ended in the middle of a message")
	}
	return err
}

// decompress gives at most limit bytes of a compressed message.
func decompress(ctx context.Context, name string, data mem.BufferSlice, limit int) ([]byte, error) {
	compressor := encoding.GetCompressor(name)
	if compressor == nil {
		return nil, unreadMessage(codes.Unimplemented, "CONTENT_ENCODING_UNSUPPORTED", fmt.Sprintf("the server does not read the grpc-encoding %q; it must be gzip, or none", name))
	}
	packed := data.Reader()
	defer func() { _ = packed.Close() }() // The buffers are freed by the caller.
	plain, err := compressor.Decompress(packed)
	if err != nil {
		return nil, errNotUnzipped()
	}
	return readPlain(ctx, plain, limit)
}

// readPlain reads what a decompressor gives, for which there must be room.
func readPlain(ctx context.Context, plain io.Reader, limit int) ([]byte, error) {
	var text []byte
	for {
		if len(text) == cap(text) {
			if err := grow(ctx, max(shortMessage, len(text))); err != nil {
				return nil, err
			}
			text = append(make([]byte, 0, len(text)+max(shortMessage, len(text))), text...)
		}
		n, err := plain.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		switch {
		case len(text) > limit:
			return nil, tooLong(limit)
		case errors.Is(err, io.EOF):
			return text, nil
		case err != nil:
			return nil, errNotUnzipped()
		}
	}
}

func errNotUnzipped() error {
	return unreadMessage(codes.InvalidArgument, "REQUEST_UNREADABLE", "the message cannot be decompressed; it must be gzip, as grpc-encoding says")
}

// unreadMessage refuses a message that is not read, with the code that gRPC gives
// it and a reason, which every fault has.
func unreadMessage(code codes.Code, reason, text string) error {
	st := status.New(code, text)
	if with, err := st.WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: Domain}); err == nil {
		st = with
	}
	return st.Err()
}
