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

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/inflight"
)

// transportStream is the stream of a call in the gRPC transport. gRPC has one message limit for all
// methods of a server. Access to the transport's stream permits a limit per method, which applies
// before the message is read.
type transportStream interface {
	ReadMessageHeader(header []byte) error
	Read(n int) (mem.BufferSlice, error)
	RecvCompress() string
}

// decodeFunc decodes a message.
type decodeFunc func(data mem.BufferSlice, into any) error

// decodeProto decodes a short message.
func decodeProto(data mem.BufferSlice, into any) error {
	return encoding.GetCodecV2("proto").Unmarshal(data, into)
}

// receiver reads the message of a call in place of RecvMsg.
type receiver struct {
	decode decodeFunc
	// limit is the size of the largest message, in bytes, before and after
	// decompression.
	limit int
	// wanted is called before a long message is read. If wanted returns false, the message is not
	// read. Nil means that every message is read.
	wanted func() bool
}

// shortMessage is the maximum size, in bytes, of a message that is read before authorisation.
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
		return unreadMessage(codes.InvalidArgument, fault.ReasonRequestUnreadable, "the message cannot be decoded as the request of this method; texts must be UTF-8")
	}
	return nil
}

// read reads n bytes once the budget for bodies has room for them.
func (r receiver) read(ctx context.Context, s transportStream, n int) (mem.BufferSlice, error) {
	if err := grow(ctx, n); err != nil {
		return nil, err
	}
	held := inflight.From(ctx)
	if held == nil || n <= shortMessage {
		// A short message holds little memory, even for a long time.
		data, err := s.Read(n)
		return data, unexpectedEOF(err)
	}
	slow := time.AfterFunc(held.Time(int64(n)), func() { inflight.Cancel(ctx) })
	data, err := s.Read(n)
	if !slow.Stop() && err != nil {
		return nil, inflight.TooSlow()
	}
	return data, unexpectedEOF(err)
}

// grow waits until the budget has room for n more bytes of the call of ctx.
// Calls of services without authentication are not counted: their messages are
// short.
func grow(ctx context.Context, n int) error {
	if held := inflight.From(ctx); held != nil {
		return held.Grow(ctx, int64(n))
	}
	return nil
}

// jsonGrowth returns the number of bytes that a message grows by in JSON, the format of requests to
// Cloudflare. A message of 8 MiB can become 48 MiB, as a REST body can. Short messages are not
// counted.
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

// receiveRequest returns the function that reads the request of a Storekeeper
// method.
func receiveRequest() func(ctx context.Context, wanted func() bool, into any) error {
	codec := newBoundedCodec()
	return func(ctx context.Context, wanted func() bool, into any) error {
		return receiver{decode: codec.Unmarshal, limit: MaxMessage, wanted: wanted}.receive(ctx, into)
	}
}

func tooLong(limit int) error {
	return unreadMessage(codes.ResourceExhausted, fault.ReasonRequestTooLarge, fmt.Sprintf("a message to this method must be at most %d bytes", limit))
}

// unexpectedEOF converts an end of stream inside a message into a status.
func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return unreadMessage(codes.InvalidArgument, fault.ReasonRequestUnreadable, "the stream ended in the middle of a message")
	}
	return err
}

// decompress returns the decompressed message, of at most limit bytes.
func decompress(ctx context.Context, name string, data mem.BufferSlice, limit int) ([]byte, error) {
	compressor := encoding.GetCompressor(name)
	if compressor == nil {
		return nil, unreadMessage(codes.Unimplemented, fault.ReasonContentEncodingUnsupported, fmt.Sprintf("the server does not read the grpc-encoding %q; it must be gzip, or none", name))
	}
	packed := data.Reader()
	defer func() { _ = packed.Close() }() // The buffers are freed by the caller.
	plain, err := compressor.Decompress(packed)
	if err != nil {
		return nil, errNotUnzipped()
	}
	return readPlain(ctx, plain, limit)
}

// readPlain reads decompressed data within the budget.
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
	return unreadMessage(codes.InvalidArgument, fault.ReasonRequestUnreadable, "the message cannot be decompressed; it must be gzip, as grpc-encoding says")
}

// unreadMessage returns the status of a message that is not read, with gRPC's code and a reason
// like every fault.
func unreadMessage(code codes.Code, reason, text string) error {
	st := status.New(code, text)
	if with, err := st.WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: Domain}); err == nil {
		st = with
	}
	return st.Err()
}
