package server

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/inflight"
)

// halfSent is a stream whose client announces a message and sends only a part.
type halfSent struct {
	grpc.ServerTransportStream

	header, body bytes.Buffer
	ctx          context.Context //nolint:containedctx // it is the life of the stream
}

func (s *halfSent) ReadMessageHeader(p []byte) error {
	_, err := io.ReadFull(&s.header, p)
	return err
}

func (s *halfSent) Read(n int) (mem.BufferSlice, error) {
	if s.body.Len() < n {
		<-s.ctx.Done()
		return nil, s.ctx.Err()
	}
	return mem.BufferSlice{mem.SliceBuffer(s.body.Next(n))}, nil
}

func (*halfSent) RecvCompress() string        { return "" }
func (*halfSent) SetHeader(metadata.MD) error { return nil }

func TestAMessageThatIsTooSlowIsRefused(t *testing.T) {
	limits := inflight.DefaultLimits()
	limits.Grace, limits.Rate = time.Millisecond, 1<<30
	bodies := inflight.New(limits)
	held := bodies.Open("caller")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := &halfSent{ctx: ctx}
	s.header.Write(binary.BigEndian.AppendUint32([]byte{0}, MaxMessage))
	s.body.WriteString("a part")
	ctx = inflight.WithCancel(inflight.With(ctx, held), cancel)
	ctx = grpc.NewContextWithServerTransportStream(ctx, s)
	decode := func(mem.BufferSlice, any) error { return errors.New("half a message is decoded") }
	err := receiver{decode: decode, limit: MaxMessage}.receive(ctx, nil)
	f, is := errors.AsType[*fault.Error](err)
	if !is || f.Reason != "BODY_TOO_SLOW" || f.Kind != fault.Deadline {
		t.Errorf("got %v", err)
	}
	held.Release()
	if err := bodies.Open("caller").Grow(t.Context(), 48<<20); err != nil {
		t.Errorf("its bytes are not given back: %v", err)
	}
}

func TestAMessageForWhichThereIsNoRoomIsNotRead(t *testing.T) {
	limits := inflight.DefaultLimits()
	limits.Long, limits.Wait = MaxMessage, time.Millisecond
	held := inflight.New(limits).Open("caller")
	s := &halfSent{ctx: t.Context()}
	s.header.Write(binary.BigEndian.AppendUint32([]byte{0}, MaxMessage))
	ctx := grpc.NewContextWithServerTransportStream(inflight.With(t.Context(), held), s)
	err := receiver{limit: MaxMessage}.receive(ctx, nil)
	if f, is := errors.AsType[*fault.Error](err); !is || f.Kind != fault.Unavailable || f.RetryAfter == 0 {
		t.Errorf("got %v", err)
	}
}

// A value of control characters grows to six times its length in a request to Cloudflare, so it
// counts six times in the budget.
func TestAMessageCountsAsTheJSONThatItBecomes(t *testing.T) {
	limits := inflight.DefaultLimits()
	limits.Short, limits.ShortBody, limits.Long, limits.Wait = 1, 0, 200_000, time.Millisecond
	for name, c := range map[string]struct {
		text string
		fits bool
	}{
		"plain": {"a", true}, "quotes": {`"`, true}, "control": {"\x01", false}, "markup": {"<", false},
	} {
		held := inflight.New(limits).Open("caller")
		s := &halfSent{ctx: t.Context()}
		s.header.Write(binary.BigEndian.AppendUint32([]byte{0}, 50_000))
		s.body.WriteString(strings.Repeat(c.text, 50_000))
		ctx := inflight.WithCancel(inflight.With(t.Context(), held), func() {})
		decoded := false
		decode := func(mem.BufferSlice, any) error { decoded = true; return nil }
		err := receiver{decode: decode, limit: MaxMessage}.receive(grpc.NewContextWithServerTransportStream(ctx, s), nil)
		if (err == nil) != c.fits || decoded != c.fits {
			t.Errorf("%s: %v, decoded %v", name, err, decoded)
		}
	}
}
